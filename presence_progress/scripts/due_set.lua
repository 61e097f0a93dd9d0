-- After a sweep: note when the room is to be swept next. Does nothing when somebody entered since it was
-- taken: whoever enters sets the score to 0, and that stays.
-- KEYS[1] - sorted set: site and room → when a lease there may end, ms
-- ARGV[1] - member: site and room
-- ARGV[2] - until when it was taken, as due_take.lua said
-- ARGV[3] - how soon the next lease ends, ms; -1 when no session is left
-- Returns nothing.

local due_key = KEYS[1]
local member, claimed_until, due = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

if tonumber(redis.call('ZSCORE', due_key, member) or -1) == claimed_until then
  if due < 0 then
    redis.call('ZREM', due_key, member)
  else
    redis.call('ZADD', due_key, clock() + due, member)
  end
end
