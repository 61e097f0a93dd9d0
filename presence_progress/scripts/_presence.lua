-- What the presence scripts share; loaded after _room.lua.
--
-- sessions: user → JSON map, session → {activity, focus, since, at, who, lost}; leases: "session user" → when
-- it ends, ms. A user's sessions are merged into the one viewer that others see: the room's field of that
-- user.

local STRENGTH = { idle = 1, viewing = 2, editing = 3 }

local function sessions_of(sessions_key, user)
  local json = redis.call('HGET', sessions_key, user)
  if not json then
    return {}
  end
  return cjson.decode(json)
end

local function keep_sessions(sessions_key, user, sessions)
  if next(sessions) == nil then
    redis.call('HDEL', sessions_key, user)
  else
    redis.call('HSET', sessions_key, user, cjson.encode(sessions))
  end
end

-- The strongest activity wins, the newest session breaks a tie; who a user is comes from the newest that
-- knows.
local function merge(sessions)
  local strongest, since, newest
  for _, session in pairs(sessions) do
    if
      not strongest
      or STRENGTH[session.activity] > STRENGTH[strongest.activity]
      or (session.activity == strongest.activity and session.at > strongest.at)
    then
      strongest = session
    end
    if not newest or session.at > newest.at then
      newest = session
    end
    since = math.min(since or session.since, session.since)
  end
  -- Written by hand and in one order: a map that cjson reorders would look like a change.
  return string.sub(newest.who, 1, -2)
    .. ',"activity":' .. cjson.encode(strongest.activity)
    .. ',"focus":' .. cjson.encode(strongest.focus)
    .. ',"since":' .. string.format('%.0f', since) .. '}'
end

local function drop_lease(leases_key, session, user)
  redis.call('ZREM', leases_key, session .. ' ' .. user)
end

-- End the sessions whose lease is over; returns the users that this touched. In batches, so that no call
-- takes long.
local function end_expired(sessions_key, leases_key, now)
  local touched = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', leases_key, '-inf', now, 'LIMIT', 0, 200)) do
    local session, user = string.match(member, '^(%S+) (.*)$')
    local sessions = sessions_of(sessions_key, user)
    sessions[session] = nil
    keep_sessions(sessions_key, user, sessions)
    redis.call('ZREM', leases_key, member)
    touched[user] = true
  end
  return touched
end

-- Show what became of these users, in one change.
local function show_users(room_key, sessions_key, leases_key, site, room, ttl, touched)
  local set, unset = {}, {}
  for user in pairs(touched) do
    local sessions = sessions_of(sessions_key, user)
    if next(sessions) == nil then
      unset[#unset + 1] = user
    else
      set[#set + 1] = { user, merge(sessions) }
    end
  end
  local epoch, seq = change_room(room_key, site, room, ttl, set, unset)
  redis.call('EXPIRE', sessions_key, ttl)
  redis.call('EXPIRE', leases_key, ttl)
  return epoch, seq
end

-- When the next lease in this room ends, ms; -1 when there is none.
local function next_due(leases_key)
  local first = redis.call('ZRANGE', leases_key, 0, 0, 'WITHSCORES')
  if #first == 0 then
    return -1
  end
  return tonumber(first[2])
end
