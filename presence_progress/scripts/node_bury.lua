-- Some places of a dead node have been seen to; when there are no others, nobody needs to know of it any more.
-- KEYS[1] - the nodes, see node_renew.lua
-- KEYS[2] - set: the places where it has sessions
-- ARGV[1] - node
-- ARGV[2] - for how long it is taken, ms: whoever has more to do keeps it
-- ARGV[3…] - the places that have been seen to
-- Returns up to 100 other places.

local nodes_key, places_key = KEYS[1], KEYS[2]
local node, claim = ARGV[1], tonumber(ARGV[2])

for i = 3, #ARGV do
  redis.call('SREM', places_key, ARGV[i])
end
local places = redis.call('SRANDMEMBER', places_key, 100)
if #places == 0 then
  redis.call('ZREM', nodes_key, node)
else
  redis.call('ZADD', nodes_key, 'XX', -(clock() + claim), node)
end
return places
