-- Write a value and read it back, to prove that this Redis takes writes.
-- KEYS[1] - the probe
-- ARGV[1] - the value
-- ARGV[2] - time to live, seconds
-- Returns the value.

local probe_key = KEYS[1]
local value, ttl = ARGV[1], tonumber(ARGV[2])

redis.call('SET', probe_key, value, 'EX', ttl)
return redis.call('GET', probe_key)
