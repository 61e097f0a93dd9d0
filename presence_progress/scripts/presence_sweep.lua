-- End the sessions of a room whose lease is over.
-- KEYS[1] - the room
-- KEYS[2] - its sessions
-- KEYS[3] - its leases
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- Returns when the next lease ends, milliseconds since 1970, or -1 when no session is left.

local room_key, sessions_key, leases_key = KEYS[1], KEYS[2], KEYS[3]
local site, room, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])

local touched = end_expired(sessions_key, leases_key, clock())
if next(touched) ~= nil then
  show_users(room_key, sessions_key, leases_key, site, room, ttl, touched)
end
return next_due(leases_key)
