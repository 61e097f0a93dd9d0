-- Read what is too long for the room: all messages that were kept, and the traceback of a failure.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- Returns {traceback or '', message, …: JSON, in no order}.

local details = redis.call('HVALS', messages_key)
table.insert(details, 1, redis.call('HGET', work_key, 'traceback') or '')
return details
