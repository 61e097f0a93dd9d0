-- The job's process lives.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - its holder, whatever its attempt is by now
-- ARGV[5] - for how long that is known, milliseconds
-- Returns {the state that holds now, '' when there is no such task, 'superseded' when another process has begun
-- an attempt since; 1 when the job was cancelled so long ago that it is to be killed}.

local holder, lease = ARGV[4], tonumber(ARGV[5])

if is_of_another(holder) then
  return { 'superseded', 0 }
end
if not state or state == 'queued' or ENDED[state] then
  return { state or '', 0 }
end
extend_lease(lease)
if state == 'stalled' then
  state = 'running'
  change({ { 'state', '"running"' } })
end
local cancel_at = tonumber(redis.call('HGET', work_key, 'cancel_at') or 0)
return { state, state == 'cancelling' and cancel_at > 0 and now >= cancel_at and 1 or 0 }
