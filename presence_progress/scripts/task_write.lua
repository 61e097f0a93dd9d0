-- Write what a job knows of its task, whole: what is not new is not published, and what Redis has lost is put
-- back. Refused: an attempt that a later one has followed, anything after the attempt's end, and a way back.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - attempt
-- ARGV[5] - state
-- ARGV[6] - for how long the job is known to live, milliseconds; 0 when it does not run
-- ARGV[7] - checkpoint, JSON; '' leaves it as it is
-- ARGV[8] - traceback; '' leaves it as it is
-- ARGV[9] - how many fields follow
-- ARGV[10…] - field, JSON, … of all others; then place, JSON, … of messages
-- Returns {the state that holds now; the room's epoch; 1 when it was taken, 0 when it was refused}. A job that has
-- ended may leave its task running: its children have not.

local writer, wanted, lease = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local checkpoint, traceback, field_count = ARGV[7], ARGV[8], tonumber(ARGV[9])
-- What of a task with children is said of the children.
local COUNTED = {
  done = true, total = true, total_grown = true, percent = true, rate = true, eta = true, eta_range = true,
}

local epoch = redis.call('HGET', room_key, EPOCH)
if writer < attempt then
  return { 'superseded', epoch, 0 }
end
if state and writer == attempt then
  if ENDED[state] or (wanted == 'queued' and state ~= 'queued') then
    return { state, epoch, 0 }
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
local last_field = 9 + 2 * field_count
for i = 10, last_field, 2 do
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

if not ENDED[wanted] then
  if lease > 0 then
    redis.call('HSET', work_key, 'lease', whole(now + lease))
    redis.call('HDEL', work_key, 'lost_at')
  end
  set[#set + 1] = { 'ended_at', 'null' }
  set[#set + 1] = { 'state', cjson.encode(wanted) }
  return { wanted, change(set), 1 }
end
if parts and parts.left > 0 then
  redis.call('HDEL', work_key, 'lease', 'lost_at')
  redis.call('HSET', work_key, 'outcome', wanted)
  return { state, change(set), 1 }
end
if parts then
  change(set)
  wanted, set = outcome_of(wanted)
end
epoch = end_with(wanted, set)
return { wanted, epoch, 1 }
