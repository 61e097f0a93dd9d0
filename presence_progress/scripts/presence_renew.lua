-- Renew the lease of a session that is here; one that is not stays away.
-- KEYS[1] - the room
-- KEYS[2] - its sessions
-- KEYS[3] - its leases
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - session
-- ARGV[5] - user
-- ARGV[6] - lease, milliseconds
-- Returns 1, or 0 when the session is not here.

local room_key, sessions_key, leases_key = KEYS[1], KEYS[2], KEYS[3]
local ttl, session, user, lease = tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])

local mine = sessions_of(sessions_key, user)[session]
if not mine or mine.lost or redis.call('HEXISTS', room_key, user) == 0 then
  return 0
end
redis.call('ZADD', leases_key, clock() + lease, session .. ' ' .. user)
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ttl)
end
return 1
