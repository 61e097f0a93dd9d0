-- The site's hooks have been told of some transitions.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8…] - the transitions
-- Returns nothing.

for i = 8, #ARGV do
  redis.call('LREM', transitions_key, 1, ARGV[i])
end
