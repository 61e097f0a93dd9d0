-- A session enters a document, says something new of itself, or renews its lease: one and the same, so that a
-- server that repeats what it knows puts back whatever Redis has lost.
-- KEYS[1] - the room
-- KEYS[2] - its sessions
-- KEYS[3] - its leases
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - session
-- ARGV[5] - user
-- ARGV[6] - lease, milliseconds
-- ARGV[7] - activity
-- ARGV[8] - focus, JSON
-- ARGV[9] - who, a JSON object that is not empty: {"name":…,"image":…}
-- Returns {epoch, seq}.

local room_key, sessions_key, leases_key = KEYS[1], KEYS[2], KEYS[3]
local site, room, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local session, user, lease = ARGV[4], ARGV[5], tonumber(ARGV[6])
local activity, focus, who = ARGV[7], cjson.decode(ARGV[8]), ARGV[9]

local now = clock()
local sessions = sessions_of(sessions_key, user)
local mine = sessions[session] or { since = now, at = now }
if mine.activity ~= activity or mine.focus ~= focus then
  mine.at = now
end
mine.activity, mine.focus, mine.who, mine.lost = activity, focus, who, nil

-- Whoever is back needs no grace any more: a lost session of this user ends here, but keeps its place in
-- time.
for other, state in pairs(sessions) do
  if state.lost then
    mine.since = math.min(mine.since, state.since)
    sessions[other] = nil
    drop_lease(leases_key, other, user)
  end
end
sessions[session] = mine
keep_sessions(sessions_key, user, sessions)
redis.call('ZADD', leases_key, now + lease, session .. ' ' .. user)

local touched = end_expired(sessions_key, leases_key, now)
touched[user] = true
return { show_users(room_key, sessions_key, leases_key, site, room, ttl, touched) }
