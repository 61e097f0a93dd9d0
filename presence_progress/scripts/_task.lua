-- What the task scripts share; loaded after _room.lua. All of them take:
-- KEYS[1] - the room
-- KEYS[2] - hash: what its job and the servers know of it. Of the attempt: holder, the process that has begun it;
--           lease, until when its job is known to live; heard_at, when that was said; lost_at, when a stalled one
--           is given up; cancel_at, when a cancelled job is killed; outcome, what became of its own job while its
--           children go on (times in ms of clock(), but heard_at, which is shown, of wall()). Of the task: checkpoint,
--           traceback, job; made, the attempt that a retry has last made a job for; and settled, the last attempt
--           whose end everybody knows
-- KEYS[3] - hash: place → message, JSON
-- KEYS[4] - hash: child → its attempt and state, or 'parted' when it belonged to an earlier attempt of this task
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds

local room_key, work_key, messages_key, children_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local site, room, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now, time = clock(), wall()  -- for what ends, and for what is shown

local ENDED = { done = true, failed = true, cancelled = true, lost = true }

local function field(name)
  local json = redis.call('HGET', room_key, name)
  local value = json and cjson.decode(json)
  return value ~= cjson.null and value or nil
end

local state, attempt = field('state'), field('attempt') or 0

local function whole(number)
  return string.format('%.0f', number)
end

-- set: list of {field, json}. Returns the room's epoch.
local function change(set)
  local epoch = change_room(room_key, site, room, ttl, set, {})
  for _, key in ipairs({ work_key, messages_key, children_key }) do
    redis.call('EXPIRE', key, ttl)
  end
  return epoch
end

-- Say that the attempt is over; set: what else is to be said with it.
local function end_with(new_state, set)
  set[#set + 1] = { 'state', cjson.encode(new_state) }
  -- Redis's clock may have been set back meanwhile.
  set[#set + 1] = { 'ended_at', whole(math.max(time, field('started_at') or 0)) }
  set[#set + 1] = { 'eta', 'null' }
  set[#set + 1] = { 'eta_range', 'null' }
  redis.call('HDEL', work_key, 'lease', 'lost_at', 'cancel_at', 'outcome')
  state = new_state
  return change(set)
end

-- The job is heard of, and known to live for a while, in milliseconds.
local function extend_lease(lease)
  redis.call('HSET', work_key, 'lease', whole(now + lease), 'heard_at', whole(time))
  redis.call('HDEL', work_key, 'lost_at')
end

-- The children as a watcher sees them; nil without any.
local function children()
  return field('children')
end

-- A child as it is kept: its attempt and its state.
local function read_child(kept)
  local child_attempt, child_state = string.match(kept or '', '^(%d+) (%a+)$')
  return tonumber(child_attempt), child_state
end

-- The children so far belong to an attempt that is over.
local function part_with_children()
  for _, child in ipairs(redis.call('HKEYS', children_key)) do
    redis.call('HSET', children_key, child, 'parted')
  end
end

-- Whether the attempt is another process's: RQ ran its job once more after Redis had gone back.
local function is_of_another(holder)
  local known = redis.call('HGET', work_key, 'holder')
  return holder ~= '' and known and known ~= holder
end

-- The job of a cancelled task is over: the task ends with the last of its children. Returns whether it has.
local function end_cancelled()
  local parts = children()
  if parts and parts.left > 0 then
    redis.call('HDEL', work_key, 'lease', 'lost_at')
    redis.call('HSET', work_key, 'outcome', 'cancelled')
    return false
  end
  end_with('cancelled', {})
  return true
end

-- What the task as a whole has come to when its own job came to this: {state, fields}.
local function outcome_of(own)
  local parts = children()
  if own == 'done' and parts and parts.failed > 0 then
    local error = string.format('%d of %d parts failed', parts.failed, parts.total)
    return 'failed', { { 'error', cjson.encode(error) } }
  elseif own == 'done' then
    return 'done', { { 'percent', field('total') and '100' or 'null' } }
  end
  return own, {}
end
