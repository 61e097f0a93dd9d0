-- A child of this task is in this state now; said again, it changes nothing. With the last child's end a task ends
-- whose own job is over.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - child
-- ARGV[5] - its state; 'queued' makes it a child of the attempt that is now
-- ARGV[6] - its attempt
-- Returns {the state of this task that holds now, or ''; 1 when it has ended with this}.

local child, wanted, child_attempt = ARGV[4], ARGV[5], tonumber(ARGV[6])

local kept = redis.call('HGET', children_key, child)
local before_attempt, before = read_child(kept)
-- One that nobody knows is a child, too: Redis has lost them, and each of them says so.
if not state or ENDED[state] or (kept == 'parted' and wanted ~= 'queued') then
  return { state or '', 0 }
end
-- Who tells it may be late: in between, others have told what came after.
local is_late = before and (child_attempt < before_attempt or (child_attempt == before_attempt and ENDED[before]))
if is_late or (before == wanted and child_attempt == before_attempt) then
  return { state, 0 }
end

local function kind(child_state)
  if not ENDED[child_state] then
    return 'left'
  end
  return child_state == 'done' and 'done' or 'failed'
end

redis.call('HSET', children_key, child, whole(child_attempt) .. ' ' .. wanted)
local parts = children()
local shown = parts and field('percent') or 0
local has_grown = parts and field('total_grown') or false
parts = parts or { total = 0, done = 0, failed = 0, left = 0 }
if before then
  parts[kind(before)] = parts[kind(before)] - 1
else
  parts.total = parts.total + 1
end
parts[kind(wanted)] = parts[kind(wanted)] + 1
local ended = parts.done + parts.failed
local percent = math.min(99, math.floor(100 * ended / parts.total))
if percent < shown then
  percent = shown
  has_grown = has_grown or not before
end
change({
  {
    'children',
    string.format(
      '{"total":%d,"done":%d,"failed":%d,"left":%d}', parts.total, parts.done, parts.failed, parts.left
    ),
  },
  { 'done', whole(ended) },
  { 'total', whole(parts.total) },
  { 'total_grown', has_grown and 'true' or 'false' },
  { 'percent', whole(percent) },
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
