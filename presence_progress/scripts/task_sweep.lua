-- Let happen in a task what happens by itself: a job that is not known to live any more is stalled, then lost; one
-- that was to stop has stopped with it.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - for how long a stalled job is not given up, milliseconds, unless KEYS[2] says so: lost_after
-- ARGV[5] - holder: the process that is known to have ended; '' for none
-- Returns {how soon the task is to be swept again, ms, or -1; its state, or ''; 1 when the state has
-- changed; 1 when it has ended and not everybody knows}.

local lost_after = tonumber(redis.call('HGET', work_key, 'lost_after') or ARGV[4])
local gone = ARGV[5]

local function told(due, changed)
  local is_settled = not ENDED[state] or tonumber(redis.call('HGET', work_key, 'settled') or 0) == attempt
  if not is_settled then
    due = 5000
  end
  return { due, state or '', changed and 1 or 0, is_settled and 0 or 1 }
end

local is_waiting = redis.call('HEXISTS', work_key, 'outcome') == 1
if not state or state == 'queued' or ENDED[state] or is_waiting then
  return told(-1, false)
end

local holder, lease, lost_at = unpack(redis.call('HMGET', work_key, 'holder', 'lease', 'lost_at'))
local is_gone = (gone ~= '' and gone == holder) or (lost_at and now >= tonumber(lost_at))
if is_gone and state == 'cancelling' then
  return told(-1, end_cancelled())
end
if is_gone then
  end_with('lost', {})
  return told(-1, true)
end
if lease and now < tonumber(lease) then
  return told(tonumber(lease) - now, false)
end
if lost_at then
  return told(tonumber(lost_at) - now, false)
end
-- However long ago the lease has ended: perhaps it was Redis that was away, and the job is about to say so.
redis.call('HSET', work_key, 'lost_at', whole(now + lost_after))
if state == 'cancelling' then
  return told(lost_after, false)
end
state = 'stalled'
change({
  { 'state', '"stalled"' },
  { 'heard_at', redis.call('HGET', work_key, 'heard_at') or 'null' },
})
return told(lost_after, true)
