-- Let happen in a room what happens by itself, and show what was gathered.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- Returns {how soon the next thing happens, ms, or -1; the nodes that have sessions here; the
-- transitions that the site's hooks have not been told of}.

meet_deadlines()
local count = redis.call('HLEN', sessions_key)
local batched = is_batched(count)
if has_hooks then
  note_transitions(count)
end
-- What is being gathered is shown when its time has come, however often the room is swept.
if not batched or next(touched) ~= nil or #ended > 0 then
  show_now(count)
end

local next_at = redis.call('ZRANGE', deadlines_key, 0, 0, 'WITHSCORES')[2]
local due = next_at and math.max(0, tonumber(next_at) - now) or -1
if count > large then
  set_deadline('batch', '-', '', now + BATCH_LEASE)
  due = batch_for
end
local transitions = redis.call('LRANGE', transitions_key, 0, 99)
if #transitions > 0 then
  due = due < 0 and 1000 or math.min(due, 1000)
end
return { due, redis.call('HKEYS', nodes_key), transitions }
