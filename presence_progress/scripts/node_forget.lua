-- A server node has no session any more in a place.
-- KEYS[1] - set: the places where it has sessions
-- ARGV[1] - the place
-- Returns nothing.

redis.call('SREM', KEYS[1], ARGV[1])
