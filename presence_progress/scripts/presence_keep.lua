-- A server node says that a room is still held, and how many sessions it has there.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8] - node
-- ARGV[9] - number of its sessions
-- Returns 1; 0 when Redis knows it otherwise, and the node has to say all anew.

local node, number = ARGV[8], tonumber(ARGV[9])

for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ttl)
end
local shown = tonumber(redis.call('HGET', room_key, COUNT) or 0)
local count = redis.call('HLEN', sessions_key)
if shown ~= count and not is_batched(count) then
  -- Some of the room is lost: all nodes shall say anew what they hold.
  redis.call('DEL', nodes_key)
  return 0
end
return tonumber(redis.call('HGET', nodes_key, node) or 0) == number and 1 or 0
