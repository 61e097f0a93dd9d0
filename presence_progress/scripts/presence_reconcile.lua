-- What a server node has in a room is this and no more; with nothing left, after its end, it is nobody.
-- A piece at a time, so that no call takes long.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8] - node
-- ARGV[9] - where to go on, as the last call returned it; '0' at first
-- ARGV[10] - grace for those who end, ms
-- ARGV[11…] - the sessions that it has
-- Returns where to go on; '0' at the end.

local node, cursor, grace = ARGV[8], ARGV[9], tonumber(ARGV[10])
local held = {}
for i = 11, #ARGV do
  held[ARGV[i]] = true
end

-- Their sum is made anew.
if cursor == '0' then
  redis.call('HDEL', nodes_key, node)
end
local found = redis.call('HSCAN', sessions_key, cursor, 'COUNT', 200)
for i = 1, #found[2], 2 do
  local user, json = found[2][i], found[2][i + 1]
  if string.find(json, node, 1, true) then
    local person = person_of(user)
    for session, state in pairs(person.sessions) do
      if state.node == node then
        mark(node, session, 1)
        if not held[session] then
          lose_session(user, person, session, grace)
        end
      end
    end
    keep_person(user, person)
  end
end
show()
return found[1]
