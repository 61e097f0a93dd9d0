-- A server node lives: renew its lease.
-- KEYS[1] - sorted set: node → until when it lives, ms. Whoever is past that is dead: 0 or a time gone by means
--           that nobody looks after its sessions yet, a negative number until when somebody does.
-- KEYS[2] - set: the places where it has sessions
-- ARGV[1] - node
-- ARGV[2] - lease, ms
-- ARGV[3] - time to live, seconds
-- ARGV[4] - 1 when the node is new
-- Returns {1, or 0 when the node is taken for dead: it has to begin anew, as another one; all nodes, dead or
-- alive}.

local nodes_key, places_key = KEYS[1], KEYS[2]
local node, lease, ttl, is_new = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'

local now = clock()
local alive_until = tonumber(redis.call('ZSCORE', nodes_key, node) or 0)
local lives = is_new or alive_until > now
if lives then
  redis.call('ZADD', nodes_key, now + lease, node)
end
redis.call('EXPIRE', nodes_key, ttl)
redis.call('EXPIRE', places_key, ttl)
return { lives and 1 or 0, redis.call('ZRANGE', nodes_key, 0, -1) }
