-- Take the nodes that are dead, to end their sessions. They are taken for a while only: should the taker die,
-- too, others take them.
-- KEYS[1] - the nodes, see node_renew.lua
-- ARGV[1] - for how long they are taken, ms
-- Returns the nodes.

local nodes_key, claim = KEYS[1], tonumber(ARGV[1])

local now = clock()
local taken = {}
local found = redis.call('ZRANGEBYSCORE', nodes_key, '-inf', now, 'WITHSCORES')
for i = 1, #found, 2 do
  local taken_until = -tonumber(found[i + 1])
  if taken_until <= now then
    redis.call('ZADD', nodes_key, -(now + claim), found[i])
    taken[#taken + 1] = found[i]
  end
end
return taken
