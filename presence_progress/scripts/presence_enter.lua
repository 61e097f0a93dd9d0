-- A session enters a document, or says something new of itself: one and the same, so that a server that
-- repeats what it knows puts back whatever Redis has lost.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8] - session
-- ARGV[9] - user
-- ARGV[10] - the server node that speaks for the session; '*' for none: it lives by a lease of its own
-- ARGV[11] - that lease, ms
-- ARGV[12] - whether this room is noted among the node's places: 1, or 0 when it should be from before
-- ARGV[13] - activity
-- ARGV[14] - how long editing lasts, ms
-- ARGV[15] - focus, '' for none
-- ARGV[16] - how long focus lasts, ms
-- ARGV[17] - who, a JSON object that is not empty: {"name":…,"image":…}
-- Returns {epoch, seq, whether a sweeper should come soon}, or nothing when the room has to be noted first:
-- whoever would look after the node's sessions, should it die, must find them.

local session, user, node, lease, is_noted = ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11]), ARGV[12] == '1'
local activity, editing_for, focus, focus_for = ARGV[13], tonumber(ARGV[14]), ARGV[15], tonumber(ARGV[16])

if node ~= OWN_LEASE and not is_noted and redis.call('HEXISTS', nodes_key, node) == 0 then
  return {}
end

local person = person_of(user)
local mine = person.sessions[session]
local is_new = not mine
if is_new then
  mine = { at = now, node = LOST }
  person.sessions[session] = mine
end
if mine.node ~= node then
  mark(mine.node, session, -1)
  mark(node, session, 1)
  if not is_new then
    drop_deadline('end', session, user)
  end
end
if mine.activity == 'editing' and activity ~= 'editing' then
  drop_deadline('editing', session, user)
end
if mine.focus and mine.focus ~= '' and focus == '' then
  drop_deadline('focus', session, user)
end
if mine.activity ~= activity or mine.focus ~= focus then
  mine.at = now
end
mine.node, mine.activity, mine.focus, mine.lost = node, activity, focus, nil
-- After its clock was set back, nobody is here since later than now.
person.who, person.since = ARGV[17], math.min(person.since or time, time)
if node == OWN_LEASE then
  set_deadline('end', session, user, now + lease)
  redis.call('EXPIRE', sessions_key, ttl)
end
if activity == 'editing' then
  set_deadline('editing', session, user, now + editing_for)
end
if focus ~= '' then
  set_deadline('focus', session, user, now + focus_for)
end

-- Whoever is back needs no grace any more.
for other, state in pairs(person.sessions) do
  if state.node == LOST then
    end_session(user, person, other)
  end
end
person.seen = nil
keep_person(user, person)
return show()
