-- A job begins: it takes the attempt that was made for it, or makes the next one when it runs again. A task that
-- was cancelled does not begin, nor does a job when a later one was made by a retry.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - the attempt that the job was made for; or the one that this process has begun before, and which was
--           taken for lost meanwhile
-- ARGV[5] - for how long it is known to live, milliseconds
-- ARGV[6] - who begins: to the same one the same answer is given again
-- ARGV[7] - 1 when this process has begun before, and goes on: nothing that belongs to its work is done again
-- ARGV[8] - how many of the fields that follow say whose task it is: the others are left as they are when the job
--           goes on from a checkpoint
-- ARGV[9…] - field, JSON, …
-- Returns {state: 'running', or why not: 'cancelled', 'superseded'; attempt; epoch; checkpoint, or ''}.

local wanted, lease, holder = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local goes_on, identity = ARGV[7] == '1', tonumber(ARGV[8])
local checkpoint = redis.call('HGET', work_key, 'checkpoint') or ''

local is_known = state and not ENDED[state] and redis.call('HGET', work_key, 'holder') == holder
if is_known and state ~= 'cancelling' then
  return { 'running', attempt, redis.call('HGET', room_key, EPOCH), checkpoint }
end
-- An attempt that RQ has made by itself, of the same job, follows on the last one; only a retry makes another job.
local is_superseded = wanted < tonumber(redis.call('HGET', work_key, 'made') or 0)
if goes_on then
  is_superseded = wanted < attempt or (wanted == attempt and is_of_another(holder))
end
if is_superseded then
  return { 'superseded', attempt, '', '' }
end
if state == 'cancelling' and wanted <= attempt then
  end_cancelled()
  return { 'cancelled', attempt, '', '' }
end
if state == 'cancelled' and wanted <= attempt then
  return { 'cancelled', attempt, '', '' }
end
if state and state ~= 'queued' then
  if not ENDED[state] then
    end_with('lost', {})
  end
  wanted = math.max(wanted, attempt + 1)
end

local set = {
  { 'attempt', whole(wanted) },
  { 'ended_at', 'null' },
  { 'error', 'null' },
  { 'cancelled_by', 'null' },
  { 'cancelled_at', 'null' },
}
local is_whole = checkpoint == '' and not goes_on
for i = 9, is_whole and #ARGV or 8 + 2 * identity, 2 do
  set[#set + 1] = { ARGV[i], ARGV[i + 1] }
end
if checkpoint ~= '' and not goes_on then
  -- How far it goes on from, the job says at once; it may be less far than the last attempt came.
  set[#set + 1] = { 'percent', 'null' }
end
set[#set + 1] = { 'state', '"running"' }

if not goes_on then
  set[#set + 1] = { 'children', 'null' }
  part_with_children()
end
redis.call('HDEL', work_key, 'cancel_at', 'outcome', 'traceback')
redis.call('HSET', work_key, 'holder', holder)
extend_lease(lease)
return { 'running', wanted, change(set), checkpoint }
