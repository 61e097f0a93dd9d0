-- What time it is. Loaded in front of each script by rooms.py; touches no key before it is asked.
--
-- Two clocks: wall() is Redis's own, for what people are shown. clock() is for all that ends by itself: it goes as
-- Redis's does, but does not follow when that one steps, so a lease of nine seconds lasts nine seconds. How far it
-- is from Redis's is kept in Redis, and every script corrects it. When Redis's clock is set back, it goes on from
-- where it was. When it leaps forward while a server of ours lives, which looks at it twice a second, it was set as
-- well: then it goes on a moment later. The same happens when all servers were stopped, or cut off from Redis: they
-- find what they have left. Where no server lives, time may pass unseen.

local CLOCK = 'presence_progress:{nodes}:clock'
-- The server nodes of ours, and until when each lives, as keys.py names it. It is of another slot than a room, as
-- the clock is: a shard of a cluster may refuse to look there.
local NODES = 'presence_progress:{nodes}'
local LOOK, LEAP = 500, 2000  -- ms: how exactly it is known when somebody looked last; what is more is a leap
local CLOCK_TTL = 7 * 24 * 3600

local function wall()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local read_clock

-- Milliseconds, the same for all of a script.
local function clock()
  if read_clock then
    return read_clock
  end
  local time, key = wall(), CLOCK
  local kept = redis.pcall('HMGET', key, 'last', 'offset')
  if kept.err then
    -- A room elsewhere in a cluster has a clock of its own. It cannot know a leap from a quiet hour.
    key = KEYS[1] .. ':clock'
    kept = redis.call('HMGET', key, 'last', 'offset')
  end
  local last, offset = tonumber(kept[1] or time), tonumber(kept[2] or 0)
  local step = time - last
  if step < 0 then
    offset = offset - step
  elseif step > LEAP and key == CLOCK then
    if redis.call('ZCOUNT', NODES, string.format('(%.0f', last + offset), '+inf') > 0 then
      offset = offset - step + LEAP
    end
  end
  if step < 0 or step >= LOOK or not kept[1] then
    redis.call('HSET', key, 'last', string.format('%.0f', time), 'offset', string.format('%.0f', offset))
    redis.call('EXPIRE', key, CLOCK_TTL)
  end
  read_clock = time + offset
  return read_clock
end
