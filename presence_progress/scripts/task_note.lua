-- Note something beside a task that no watcher sees.
-- KEYS, ARGV[1…3] - as _task.lua has them
-- ARGV[4] - what: 'job' or 'settled'
-- ARGV[5] - its value; 'settled' takes the attempt whose end everybody knows
-- Returns nothing.

redis.call('HSET', work_key, ARGV[4], ARGV[5])
redis.call('EXPIRE', work_key, ttl)
