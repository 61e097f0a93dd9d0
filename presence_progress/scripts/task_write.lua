-- Write what a job knows of its task, whole: what is not new is not published, and what Redis has lost is put
-- back. Refused: an attempt that a later one has followed, anything after the attempt's end, and a way back.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - attempt
-- ARGV[5] - state
-- ARGV[6] - for how long the job is known to live, milliseconds; 0 when it does not run
-- ARGV[7] - checkpoint, JSON; '' leaves it as it is
-- ARGV[8] - traceback; '' leaves it as it is
-- ARGV[9] - the process that makes the attempt; '' for who speaks of a job that does not run
-- ARGV[10] - how many fields follow
-- ARGV[11…] - field, JSON, … of all others; then place, JSON, … of messages
-- Returns {the state that holds now; the room's epoch; 1 when it was taken, 0 when it was refused; 1 when it was
-- not known that the attempt runs: Redis has lost it, or gone back}. A job that has ended may leave its task running:
-- its children have not.

local writer, wanted, lease = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local checkpoint, traceback, holder, field_count = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
-- What of a task with children is said of the children.
local COUNTED = {
  done = true, total = true, total_grown = true, percent = true, rate = true, eta = true, eta_range = true,
}

local epoch = redis.call('HGET', room_key, EPOCH)
if writer < attempt or (writer == attempt and is_of_another(holder)) then
  return { 'superseded', epoch, 0, 0 }
end
local is_news = wanted ~= 'queued' and (not state or state == 'queued' or writer > attempt)
if state and writer == attempt then
  local is_over = ENDED[state] or (not ENDED[wanted] and redis.call('HEXISTS', work_key, 'outcome') == 1)
  if is_over or (wanted == 'queued' and state ~= 'queued') then
    return { state, epoch, 0, 0 }
  end
  if wanted == 'running' and state == 'cancelling' then
    wanted = state
  end
elseif state and not ENDED[state] then
  -- Redis has gone back to an earlier state: that attempt's job is not the one that speaks now.
  end_with('lost', {})
end

local parts = children()
local set = { { 'attempt', whole(writer) } }
local last_field = 10 + 2 * field_count
for i = 11, last_field, 2 do
  if not (parts and COUNTED[ARGV[i]]) then
    set[#set + 1] = { ARGV[i], ARGV[i + 1] }
  end
end
for i = last_field + 1, #ARGV, 2 do
  redis.call('HSET', messages_key, ARGV[i], ARGV[i + 1])
end
if checkpoint ~= '' then
  redis.call('HSET', work_key, 'checkpoint', checkpoint)
end
if traceback ~= '' then
  redis.call('HSET', work_key, 'traceback', traceback)
end

if holder ~= '' then
  redis.call('HSET', work_key, 'holder', holder)
end

if not ENDED[wanted] then
  if lease > 0 then
    extend_lease(lease)
  end
  set[#set + 1] = { 'ended_at', 'null' }
  set[#set + 1] = { 'state', cjson.encode(wanted) }
  return { wanted, change(set), 1, is_news and 1 or 0 }
end
if parts and parts.left > 0 then
  redis.call('HDEL', work_key, 'lease', 'lost_at')
  redis.call('HSET', work_key, 'outcome', wanted)
  if state == 'stalled' then
    state = 'running'
    set[#set + 1] = { 'state', '"running"' }
  end
  return { state, change(set), 1, is_news and 1 or 0 }
end
if parts then
  change(set)
  wanted, set = outcome_of(wanted)
end
epoch = end_with(wanted, set)
return { wanted, epoch, 1, is_news and 1 or 0 }
