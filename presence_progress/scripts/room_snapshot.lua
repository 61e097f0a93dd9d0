-- Read a room whole. Changes nothing.
-- KEYS[1] - the room
-- Returns the hash as a flat list: field, JSON, …, with ':epoch' and ':seq' among the fields; empty when
-- there is none.

local room_key = KEYS[1]

return redis.call('HGETALL', room_key)
