-- Ask a task to stop. A queued one is cancelled with this, a running one when its job has stopped.
-- KEYS[1] - the room
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - user who asks
-- Returns the state that holds now; '' when there is no such task.

local room_key = KEYS[1]
local site, room, ttl, user = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local state = state_of(room_key)
if not state then
  return ''
end
local set = { { 'cancelled_by', cjson.encode(user) } }
if state == 'queued' then
  state = 'cancelled'
  set[#set + 1] = { 'ended_at', string.format('%.0f', clock()) }
elseif state == 'running' then
  state = 'cancelling'
else
  return state
end
set[#set + 1] = { 'state', cjson.encode(state) }
change_room(room_key, site, room, ttl, set, {})
return state
