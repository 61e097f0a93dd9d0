-- Keep what a server has heard of a stock task: one whose job knows nothing of us, and speaks in events that every
-- server hears. Each of them writes what it heard last; the script sees to it that what is behind changes nothing,
-- and that a run of the job is one attempt, whoever notices first that it has begun.
-- KEYS, ARGV[1…3] - as _task.lua has them. KEYS[2] has more for these: value, count, how far the last write was;
--                   passed_at, when that was; lost_after, how long it is not given up once it is stalled, ms
-- ARGV[4] - the attempt that the run was found to be; 0 when that is not known yet
-- ARGV[5] - the attempt that the run came after; 0 when the server has heard nothing before it, -1 when it has, and
--           does not know which attempt that was
-- ARGV[6] - state
-- ARGV[7] - how far the run is, any number that grows with it; '' to end it wherever it is
-- ARGV[8] - how many events the server has heard that it is so far; negative when it may have missed some
-- ARGV[9] - for how long the run has been heard, milliseconds
-- ARGV[10] - 1 when an attempt may be made of it; else only one that runs already is changed
-- ARGV[11] - 1 when the server has heard another run after it
-- ARGV[12] - for how long it is not stalled, milliseconds
-- ARGV[13] - lost_after
-- ARGV[14] - how soon after a write the next one is too soon, milliseconds
-- ARGV[15] - for how long nobody must have written for a server to be believed that knows less, milliseconds
-- ARGV[16] - user whose task it is, or ''
-- ARGV[17…] - field, JSON, … of all others
-- Returns {what came of it; the run's attempt, 0 when that is not known; the room's epoch; 1 when lists are to be
-- told; 1 when the attempt was made by this}. What may come of it: taken; soon and wait, for which it is to be
-- asked again; and refused for good: older, ended, superseded, unknown, foreign.

local mine, after, wanted = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local value, count, age = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local may_begin, is_over, lease, lost_after = ARGV[10] == '1', ARGV[11] == '1', tonumber(ARGV[12]), ARGV[13]
local interval, silence, user = tonumber(ARGV[14]), tonumber(ARGV[15]), ARGV[16]

local function refused(why, of_attempt)
  return { why, of_attempt or 0, redis.call('HGET', room_key, EPOCH) or '', 0, 0 }
end

local kept_value, kept_count, passed_at = unpack(redis.call('HMGET', work_key, 'value', 'count', 'passed_at'))
kept_value, kept_count, passed_at = tonumber(kept_value or -1), tonumber(kept_count or 0), tonumber(passed_at or 0)
local is_silent = now - passed_at >= silence
if count < 0 then
  -- It came later, and began with what was the latest then: so it is ahead of who has counted them all.
  count = state and 1e9 - count or -count
end
local is_same = value == kept_value and count == kept_count
local is_behind = value and (value < kept_value or (value == kept_value and count < kept_count and not is_silent))

-- Return the attempt that the run is, or nil and why it is refused. A server that knows which attempt it is may be
-- as late as it likes; one that does not, and is not the first to hear of it, joins what it finds.
local function find_attempt()
  local next_one = may_begin and math.max(attempt, after) + 1 or nil
  if not state then
    -- Never kept, or Redis has lost it.
    return mine > 0 and mine or next_one, 'unknown'
  elseif mine > attempt then
    return mine -- Redis has gone back.
  elseif mine == attempt then
    if ENDED[state] then
      -- Taken for dead, and heard of again.
      local is_news = state == 'lost' and not is_behind and not is_same
      return is_news and attempt + 1 or nil, 'ended'
    end
    return not is_behind and attempt or nil, value == kept_value and 'wait' or 'older'
  elseif after >= attempt then
    return next_one, 'unknown'
  elseif (is_over or not is_silent) and (mine > 0 or (after > 0 and after + 1 < attempt)) then
    return nil, 'superseded' -- Others write a later run.
  elseif is_over and after <= 0 and not (is_silent and ENDED[state]) then
    return nil, 'superseded' -- What is there may be the run that came after it.
  elseif ENDED[state] then
    if is_silent then
      return next_one, 'unknown'
    end
    -- The end may be this run's, and this server late: if so it hears of it soon.
    return nil, ENDED[wanted] and 'ended' or 'wait'
  elseif value and value < kept_value then
    if is_silent then
      return next_one, 'unknown'
    end
    return nil, 'wait'
  elseif after < 0 and not is_silent then
    return nil, 'wait' -- What is there may be the run that came before it.
  end
  return not is_behind and attempt or nil, value == kept_value and 'wait' or 'older'
end

if state and not field('source') then
  return refused('foreign')
end
local found, why = find_attempt()
if not found then
  local has_joined = why == 'wait' and value == kept_value and not ENDED[state] and after >= 0
  return refused(why, (has_joined or why == 'older' or why == 'ended') and attempt)
end
local is_new = not state or found ~= attempt
if not is_new and wanted == 'queued' and state ~= 'queued' then
  return refused('older', attempt)
end
if not is_new and not ENDED[wanted] and not is_same and wanted == state and now - passed_at < interval then
  return refused('soon', attempt)
end

local set, tell = {}, 0
if is_new then
  if state and not ENDED[state] then
    -- Nobody has said how it ended.
    end_with('lost', {})
  end
  tell = 1
  local began = whole(time - age)
  set = {
    { 'attempt', whole(found) },
    { 'queued_at', began },
    { 'started_at', wanted == 'queued' and 'null' or began },
    { 'ended_at', 'null' },
  }
elseif state == 'queued' and wanted ~= 'queued' then
  set[1] = { 'started_at', whole(time) }
end
for i = 17, #ARGV, 2 do
  set[#set + 1] = { ARGV[i], ARGV[i + 1] }
end
local owner = field('user')
if is_new and mine ~= attempt then
  owner = nil -- Another run of the same name may be another user's.
end
if is_new or (user ~= '' and not owner) then
  owner = user ~= '' and user or owner
  set[#set + 1] = { 'user', owner and cjson.encode(owner) or 'null' }
  tell = 1
end

redis.call('HSET', work_key, 'lost_after', lost_after)
if is_new or not is_same then
  redis.call('HSET', work_key, 'passed_at', whole(now))
  if value then
    redis.call('HSET', work_key, 'value', ARGV[7], 'count', count)
  end
end
if ENDED[wanted] then
  if wanted == 'done' then
    set[#set + 1] = { 'percent', ((value or kept_value) >= 0) and '100' or 'null' }
  end
  return { 'taken', found, end_with(wanted, set), 1, is_new and 1 or 0 }
end
extend_lease(lease)
if state ~= wanted then
  tell = 1
end
set[#set + 1] = { 'state', cjson.encode(wanted) }
return { 'taken', found, change(set), tell, is_new and 1 or 0 }
