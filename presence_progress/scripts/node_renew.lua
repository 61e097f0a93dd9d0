-- A server node lives: renew its lease.
-- KEYS[1] - sorted set: node → until when it lives, ms. Whoever is past that is dead: 0 or a time gone by means
--           that nobody looks after its sessions yet, a negative number until when somebody does.
-- KEYS[2] - set: the places where it has sessions
-- ARGV[1] - node
-- ARGV[2] - lease, ms
-- ARGV[3] - time to live, seconds
-- ARGV[4] - until when the node lives, as it was told last; 0 when it is new
-- Returns {until when it lives now, or 0: it is taken for dead, or Redis has gone back to an earlier state, and
-- it has to begin anew, as another one; all nodes, dead or alive}.

local nodes_key, places_key = KEYS[1], KEYS[2]
local node, lease, ttl, told = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local now = clock()
local noted = tonumber(redis.call('ZSCORE', nodes_key, node) or 0)
local alive_until = 0
-- An answer that was lost leaves more in Redis than the node was told, which is as good.
if told == 0 or (noted > now and noted >= told) then
  alive_until = now + lease
  redis.call('ZADD', nodes_key, alive_until, node)
end
redis.call('EXPIRE', nodes_key, ttl)
redis.call('EXPIRE', places_key, ttl)
return { alive_until, redis.call('ZRANGE', nodes_key, 0, -1) }
