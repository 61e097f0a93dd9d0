-- Whether a server node lives.
-- KEYS[1] - sorted set: node → until when it lives, ms
-- Returns 1 or 0.

local nodes_key = KEYS[1]

return redis.call('ZCOUNT', nodes_key, string.format('(%.0f', clock()), '+inf') > 0 and 1 or 0
