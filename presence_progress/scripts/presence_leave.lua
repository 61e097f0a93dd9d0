-- A session leaves a document: at once, or after a grace in which its user may come back unnoticed.
-- KEYS[1] - the room
-- KEYS[2] - its sessions
-- KEYS[3] - its leases
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - session
-- ARGV[5] - user
-- ARGV[6] - grace, milliseconds; 0 means at once
-- Returns {epoch, seq}.

local room_key, sessions_key, leases_key = KEYS[1], KEYS[2], KEYS[3]
local site, room, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local session, user, grace = ARGV[4], ARGV[5], tonumber(ARGV[6])

local now = clock()
local sessions = sessions_of(sessions_key, user)
if sessions[session] then
  if grace > 0 then
    sessions[session].lost = true
    redis.call('ZADD', leases_key, now + grace, session .. ' ' .. user)
  else
    sessions[session] = nil
    drop_lease(leases_key, session, user)
  end
  keep_sessions(sessions_key, user, sessions)
end

local touched = end_expired(sessions_key, leases_key, now)
touched[user] = true
return { show_users(room_key, sessions_key, leases_key, site, room, ttl, touched) }
