-- Read what is too long for the room: all messages that were kept, and the traceback of a failure.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- Returns {traceback or '', message, …: JSON, in no order}.

local details = { redis.call('HGET', work_key, 'traceback') or '' }
-- Each is of a warning or an error. More than were counted are of an attempt that came farther than its last
-- checkpoint: in the one that runs now they come again.
local noted = (field('warnings') or 0) + (field('errors') or 0)
for _, message in ipairs(redis.call('HVALS', messages_key)) do
  if cjson.decode(message).n < noted then
    details[#details + 1] = message
  end
end
return details
