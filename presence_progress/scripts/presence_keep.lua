-- A server node says that a room is still held, and by which of its sessions.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8] - node
-- ARGV[9] - the sum over its sessions, see mark()
-- Returns 1; 0 when Redis knows it otherwise, and the node has to say all anew.

local node, sum = ARGV[8], ARGV[9]

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
return (redis.call('HGET', nodes_key, node) or '0') == sum and 1 or 0
