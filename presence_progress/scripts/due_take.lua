-- Take the rooms in which a lease may be over. They are taken for a while only: should the taker die, they
-- come due again.
-- KEYS[1] - sorted set: site and room → when a lease there may end, ms
-- ARGV[1] - how many at most
-- ARGV[2] - for how long they are taken, milliseconds
-- ARGV[3] - time to live of the sorted set, seconds
-- Returns {until when they are taken, member, …}.

local due_key = KEYS[1]
local limit, claim, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local now = clock()
local claimed = { now + claim }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', due_key, '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZADD', due_key, now + claim, member)
  claimed[#claimed + 1] = member
end
redis.call('EXPIRE', due_key, ttl)
return claimed
