-- A child of this task is in this state now; said again, it changes nothing. With the last child's end a task ends
-- whose own job is over.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - child
-- ARGV[5] - its state; 'queued' makes it a child
-- Returns {the state of this task that holds now, or ''; 1 when it has changed}.

local child, wanted = ARGV[4], ARGV[5]

local before = redis.call('HGET', children_key, child)
if not state or ENDED[state] or (not before and wanted ~= 'queued') then
  return { state or '', 0 }
end
if before == wanted then
  return { state, 0 }
end

local function kind(child_state)
  if not ENDED[child_state] then
    return 'left'
  end
  return child_state == 'done' and 'done' or 'failed'
end

redis.call('HSET', children_key, child, wanted)
local parts = children() or { total = 0, done = 0, failed = 0, left = 0 }
if before then
  parts[kind(before)] = parts[kind(before)] - 1
else
  parts.total = parts.total + 1
end
parts[kind(wanted)] = parts[kind(wanted)] + 1
local ended = parts.done + parts.failed
change({
  {
    'children',
    string.format(
      '{"total":%d,"done":%d,"failed":%d,"left":%d}', parts.total, parts.done, parts.failed, parts.left
    ),
  },
  { 'done', whole(ended) },
  { 'total', whole(parts.total) },
  { 'percent', whole(math.min(99, math.floor(100 * ended / parts.total))) },
  { 'rate', 'null' },
  { 'eta', 'null' },
  { 'eta_range', 'null' },
})

local own = redis.call('HGET', work_key, 'outcome')
if own and parts.left == 0 then
  if state == 'cancelling' then
    own = 'cancelled'
  end
  end_with(outcome_of(own))
  return { state, 1 }
end
return { state, 0 }
