-- Make the next attempt of a task that has ended without being done; its job is put into the queue by who asks.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - user who asks
-- Returns {attempt, the job as it was noted, checkpoint or ''}; nothing when there is nothing to try again.

local user = ARGV[4]

local job = redis.call('HGET', work_key, 'job')
if not job or not ENDED[state] or state == 'done' then
  return {}
end
local checkpoint = redis.call('HGET', work_key, 'checkpoint') or ''
local set = {
  { 'attempt', whole(attempt + 1) },
  { 'state', '"queued"' },
  { 'queued_at', whole(time) },
  { 'retried_by', cjson.encode(user) },
}
for _, name in ipairs({ 'started_at', 'ended_at', 'error', 'cancelled_by', 'cancelled_at', 'children', 'rate' }) do
  set[#set + 1] = { name, 'null' }
end
if checkpoint == '' then
  for name, json in pairs({
    done = '0', ok = '0', warnings = '0', errors = '0', messages = '[]', last_messages = '[]', stage = 'null',
  }) do
    set[#set + 1] = { name, json }
  end
  set[#set + 1] = { 'percent', field('total') and '0' or 'null' }
else
  set[#set + 1] = { 'percent', 'null' }
end
redis.call('HDEL', work_key, 'holder')
redis.call('HSET', work_key, 'made', whole(attempt + 1))
part_with_children()
change(set)
return { attempt + 1, job, checkpoint }
