-- What the presence scripts share; loaded after _room.lua.
--
-- KEYS[1] - the room: what is shown, a field for each viewer
-- KEYS[2] - its sessions: hash, user → JSON {who, since, sessions: {session: {node, activity, focus, at}}}
-- KEYS[3] - its deadlines: sorted set, what happens by itself → when, ms
-- KEYS[4] - its nodes: hash, server node → a sum over the sessions it has here, see mark()
-- KEYS[5] - its transitions: list of JSON, for the site's hooks
-- KEYS[6] - the room that shows the number alone; only the room of who is online has one
-- ARGV[1] - site
-- ARGV[2] - room name
-- ARGV[3] - time to live, seconds
-- ARGV[4] - with more viewers than this the room is large: so many are shown, all are counted
-- ARGV[5] - how long changes of a large room are gathered, ms
-- ARGV[6] - how long whoever has left is still shown as such, ms
-- ARGV[7] - whether the site has hooks: 1 or 0
--
-- The truth are the sessions. A user's are merged into the one viewer that others see. All scripts end with
-- show(), which brings the room up to date in one change.

local room_key, sessions_key, deadlines_key, nodes_key, transitions_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local count_key = KEYS[6]
local site, room, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local large, batch_for, left_for = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local has_hooks = ARGV[7] == '1'

local now, time = clock(), wall()  -- for what ends, and for what is shown
local COUNT, LEFT = ':count', ':left:'
local COUNT_ROOM = 'online:count'
local MAX_LEFT, MAX_TRANSITIONS = 20, 10000
-- How long the promise of a sweeper holds that it will be back to show what is gathered, ms.
local BATCH_LEASE = 3000
local OWN_LEASE, LOST = '*', ''  -- in the place of a node: lives by its own lease, or nobody speaks for it
local STRENGTH = { idle = 1, viewing = 2, editing = 3 }

local touched = {}  -- user → whether he was here before this script
local persons = {}  -- user → his sessions, as far as they have been read
local gone = {}     -- user → how he is shown now that he has left
local ended = {}    -- fields whose time is over

-- --- deadlines ---------------------------------------------------------------------------------

-- kind: 'end' of a session, 'editing' and 'focus' of one, 'left' or 'show' of a user, 'batch' of the room
local function set_deadline(kind, session, user, at)
  redis.call('ZADD', deadlines_key, at, kind .. ' ' .. session .. ' ' .. user)
  redis.call('EXPIRE', deadlines_key, ttl)
end

local function drop_deadline(kind, session, user)
  redis.call('ZREM', deadlines_key, kind .. ' ' .. session .. ' ' .. user)
end

local function is_batched(count)
  local promised = count > large and redis.call('ZSCORE', deadlines_key, 'batch - ')
  return promised and tonumber(promised) > now
end

-- --- sessions ----------------------------------------------------------------------------------

local function person_of(user)
  if not persons[user] then
    local json = redis.call('HGET', sessions_key, user)
    if touched[user] == nil then
      touched[user] = json ~= false
    end
    persons[user] = json and cjson.decode(json) or { sessions = {} }
  end
  return persons[user]
end

local function keep_person(user, person)
  if next(person.sessions) then
    if redis.call('HSET', sessions_key, user, cjson.encode(person)) == 1 then
      redis.call('EXPIRE', sessions_key, ttl)
    end
  else
    redis.call('HDEL', sessions_key, user)
    gone[user] = string.sub(person.who, 1, -2) .. ',"last_seen":' .. string.format('%.0f', person.seen or time) .. '}'
  end
end

-- Note that a session is a node's from now on (sign 1), or is not any more (-1). What is kept is a sum of
-- numbers made from the sessions' names: it tells which they are, not only how many.
local function mark(node, session, sign)
  if node == OWN_LEASE or node == LOST then
    return
  end
  local number = tonumber(string.sub(redis.sha1hex(session), 1, 7), 16) + 1
  local sum = redis.call('HINCRBY', nodes_key, node, sign * number)
  if sum <= 0 then
    redis.call('HDEL', nodes_key, node)
  elseif sum == number then
    redis.call('EXPIRE', nodes_key, ttl)
  end
end

local function end_session(user, person, session)
  local ending = person.sessions[session]
  if not ending then
    return
  end
  mark(ending.node, session, -1)
  person.sessions[session] = nil
  person.seen = math.max(person.seen or 0, ending.lost or time)
  if ending.node == OWN_LEASE or ending.node == LOST then
    drop_deadline('end', session, user)
  end
  if ending.activity == 'editing' then
    drop_deadline('editing', session, user)
  end
  if ending.focus ~= '' then
    drop_deadline('focus', session, user)
  end
end

-- Nobody speaks for a session any more: for a grace its user may come back unnoticed.
local function lose_session(user, person, session, grace)
  local lost = person.sessions[session]
  if grace <= 0 then
    end_session(user, person, session)
  elseif lost and lost.node ~= LOST then
    mark(lost.node, session, -1)
    lost.node, lost.lost = LOST, time
    set_deadline('end', session, user, now + grace)
  end
end

-- Let everything happen whose time has come. In batches, so that no call takes long.
local function meet_deadlines()
  for _, deadline in ipairs(redis.call('ZRANGEBYSCORE', deadlines_key, '-inf', now, 'LIMIT', 0, 500)) do
    redis.call('ZREM', deadlines_key, deadline)
    local kind, session, user = string.match(deadline, '^(%S+) (%S+) (.*)$')
    if kind == 'left' then
      ended[#ended + 1] = LEFT .. user
    elseif kind == 'show' then
      if touched[user] == nil then
        touched[user] = redis.call('HEXISTS', sessions_key, user) == 1
      end
    elseif kind ~= 'batch' then
      local person = person_of(user)
      local own = person.sessions[session]
      if own then
        if kind == 'end' then
          end_session(user, person, session)
        elseif kind == 'editing' then
          own.activity, own.at = 'viewing', now
        else
          own.focus = ''
        end
        keep_person(user, person)
      end
    end
  end
end

-- --- what is shown -----------------------------------------------------------------------------

-- The strongest activity wins, and what was said last; a tie must be decided alike each time.
local function merge(person)
  local strongest, its_name
  for name, session in pairs(person.sessions) do
    local is_stronger = not strongest
    if strongest then
      local difference = STRENGTH[session.activity] - STRENGTH[strongest.activity]
      if difference == 0 then
        difference = session.at - strongest.at
      end
      is_stronger = difference > 0 or (difference == 0 and name > its_name)
    end
    if is_stronger then
      strongest, its_name = session, name
    end
  end
  -- Written by hand and in one order: a map that cjson reorders would look like a change.
  return string.sub(person.who, 1, -2)
    .. ',"activity":' .. cjson.encode(strongest.activity)
    .. ',"focus":' .. (strongest.focus == '' and 'null' or cjson.encode(strongest.focus))
    .. ',"since":' .. string.format('%.0f', person.since) .. '}', strongest.activity
end

local function note_transition(kind, user)
  local at = redis.call('TIME')
  redis.call('RPUSH', transitions_key, json_object({
    '"kind":' .. cjson.encode(kind),
    '"user":' .. cjson.encode(user),
    '"at":' .. string.format('%.0f', at[1] * 1000000 + at[2]),
  }))
end

-- Tell the site's hooks who has come and who has gone.
local function note_transitions(count)
  local came, went = {}, {}
  for user, was_here in pairs(touched) do
    local is_here = redis.call('HEXISTS', sessions_key, user) == 1
    if is_here and not was_here then
      came[#came + 1] = user
    elseif was_here and not is_here then
      went[#went + 1] = user
    end
  end
  if #came > 0 and #came == count + #went then
    note_transition('first_in', came[1])
  end
  for _, user in ipairs(came) do
    note_transition('entered', user)
  end
  for _, user in ipairs(went) do
    note_transition('left', user)
  end
  if #went > 0 and count == 0 then
    note_transition('last_out', went[#went])
  end
  if #came + #went > 0 then
    redis.call('LTRIM', transitions_key, -MAX_TRANSITIONS, -1)
    redis.call('EXPIRE', transitions_key, ttl)
  end
end

-- Only the last few who have left are shown.
local function drop_oldest_left(unset)
  local left = {}
  for _, deadline in ipairs(redis.call('ZRANGE', deadlines_key, 0, -1)) do
    left[#left + 1] = string.match(deadline, '^left %- (.*)$')
  end
  for i = 1, #left - MAX_LEFT do
    drop_deadline('left', '-', left[i])
    unset[#unset + 1] = LEFT .. left[i]
  end
end

-- Bring the room up to date, in one change.
local function show_now(count)
  local is_large, before = count > large, tonumber(redis.call('HGET', room_key, COUNT) or -1)
  local free = large - redis.call('HLEN', room_key) + 3  -- beside the viewers: epoch, seq and count
  local set, unset, seen, has_left = {}, ended, {}, false

  local function show_user(user)
    if seen[user] then
      return
    end
    seen[user] = true
    local person = person_of(user)
    local is_shown = redis.call('HEXISTS', room_key, user) == 1
    if next(person.sessions) then
      local viewer, activity = merge(person)
      -- Who edits is always shown: the others must know.
      if not is_large or is_shown or free > 0 or activity == 'editing' then
        set[#set + 1] = { user, viewer }
        free = is_shown and free or free - 1
      end
      if not is_shown then
        drop_deadline('left', '-', user)
        unset[#unset + 1] = LEFT .. user
      end
    elseif is_shown then
      free = free + 1
      unset[#unset + 1] = user
      if gone[user] and not is_large then
        has_left = true
        set[#set + 1] = { LEFT .. user, gone[user] }
        set_deadline('left', '-', user, now + left_for)
      end
    end
  end

  for user in pairs(touched) do
    show_user(user)
  end
  if is_large then
    if free > large / 10 then
      -- Many of those who were shown have gone: others take their places.
      for _, user in ipairs(redis.call('HRANDFIELD', sessions_key, 2 * free)) do
        show_user(user)
      end
    end
  elseif before > large or before < 0 then
    -- Large until now, or lost: whoever is here is shown.
    for _, user in ipairs(redis.call('HKEYS', sessions_key)) do
      show_user(user)
    end
  end
  if has_left and redis.call('ZCARD', deadlines_key) > MAX_LEFT then
    drop_oldest_left(unset)
  end
  if count > 0 or before >= 0 then
    set[#set + 1] = { COUNT, string.format('%d', count) }
  end
  local epoch, seq = change_room(room_key, site, room, ttl, set, unset)
  if count_key and (count > 0 or before >= 0) then
    change_room(count_key, site, COUNT_ROOM, ttl, { { COUNT, string.format('%d', count) } }, {})
  end
  return epoch, seq
end

-- Gather what has changed in a large room: a sweeper will soon show it.
local function show_later()
  local function note(user)
    redis.call('ZADD', deadlines_key, 'NX', now + batch_for, 'show - ' .. user)
  end
  for user in pairs(touched) do
    local is_editing = false
    for _, session in pairs(person_of(user).sessions) do
      is_editing = is_editing or session.activity == 'editing'
    end
    local is_left = redis.call('HEXISTS', room_key, LEFT .. user) == 1
    if is_editing or is_left or redis.call('HEXISTS', room_key, user) == 1 then
      note(user)
    end
  end
  note('')
end

-- What every script that somebody has called for one session ends with. Returns {epoch, seq, whether a
-- sweeper should come soon: the room is large, and nobody gathers its changes yet}.
local function show()
  local count = redis.call('HLEN', sessions_key)
  local batched = is_batched(count)
  if not batched then
    meet_deadlines()
    count = redis.call('HLEN', sessions_key)
  end
  if has_hooks then
    note_transitions(count)
  end
  if batched then
    show_later()
    local position = redis.call('HMGET', room_key, EPOCH, SEQ)
    return { position[1] or '', tonumber(position[2] or 0), 0 }
  end
  local epoch, seq = show_now(count)
  return { epoch, seq, count > large and 1 or 0 }
end
