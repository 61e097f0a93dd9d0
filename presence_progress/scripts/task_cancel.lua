-- Ask a task to stop. A queued one is cancelled with this, a running one when its job has stopped, one with
-- children when they have, too.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - user who asks
-- ARGV[5] - for how long the job may take to stop by itself, milliseconds
-- Returns {the state that holds now, '' when there is no such task; its children that have not ended…}.

local user, grace = ARGV[4], tonumber(ARGV[5])

-- A stock task's job does not ask whether it is to stop.
if not state or ENDED[state] or field('source') then
  return { state or '' }
end
local asked = { { 'cancelled_by', cjson.encode(user) }, { 'cancelled_at', whole(time) } }
if state == 'queued' then
  end_with('cancelled', asked)
elseif state ~= 'cancelling' then
  state = 'cancelling'
  asked[#asked + 1] = { 'state', '"cancelling"' }
  redis.call('HSET', work_key, 'cancel_at', whole(now + grace))
  change(asked)
end

local reply = { state }
local parts = redis.call('HGETALL', children_key)
for i = 1, #parts, 2 do
  local _, child_state = read_child(parts[i + 1])
  if child_state and not ENDED[child_state] then
    reply[#reply + 1] = parts[i]
  end
end
return reply
