-- Set and unset fields of a room.
-- KEYS[1] - the room
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - how many fields are set
-- ARGV[5…] - field, JSON, … of those to set, then the fields to unset
-- Returns {epoch, seq}.

local room_key = KEYS[1]
local site, room, ttl, set_count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local set, unset = {}, {}
local first_unset = 5 + 2 * set_count
for i = 5, first_unset - 1, 2 do
  set[#set + 1] = { ARGV[i], ARGV[i + 1] }
end
for i = first_unset, #ARGV do
  unset[#unset + 1] = ARGV[i]
end

return { change_room(room_key, site, room, ttl, set, unset) }
