-- Write what a job knows of its task, whole: what is not new is not published, and what Redis has lost is put
-- back. Refused: an attempt that a later one has followed, anything after the attempt's end, and a way back.
-- KEYS[1] - the room
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - attempt
-- ARGV[5] - state
-- ARGV[6…] - field, JSON, … of all others
-- Returns {the state that holds now: another one than ARGV[5] means refused, the room's epoch}.

local room_key = KEYS[1]
local site, room, ttl, attempt, state = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local current = state_of(room_key)
local current_attempt = tonumber(redis.call('HGET', room_key, 'attempt') or 0)
local epoch = redis.call('HGET', room_key, EPOCH)
if attempt < current_attempt then
  return { 'superseded', epoch }
end
if current and attempt == current_attempt then
  if ENDED[current] or (state == 'queued' and current ~= 'queued') then
    return { current, epoch }
  end
  if state == 'running' and current == 'cancelling' then
    state = current
  end
end

local set = { { 'attempt', string.format('%d', attempt) }, { 'state', cjson.encode(state) } }
for i = 6, #ARGV, 2 do
  set[#set + 1] = { ARGV[i], ARGV[i + 1] }
end
epoch = change_room(room_key, site, room, ttl, set, {})
return { state, epoch }
