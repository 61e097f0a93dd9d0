-- Add to a count; a count that does not exist yet is 0.
-- KEYS[1] - the room
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - the number to add, whole
-- Returns the new value.

local room_key = KEYS[1]
local site, room, ttl, amount = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local value = tonumber(redis.call('HGET', room_key, 'value') or 0) + amount
local json = string.format('%.0f', value)
change_room(room_key, site, room, ttl, { { 'value', json } }, {})
return json
