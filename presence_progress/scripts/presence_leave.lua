-- A session leaves a document: at once, or after a grace in which its user may come back unnoticed.
-- KEYS, ARGV[1…7] - as _presence.lua has them
-- ARGV[8] - session
-- ARGV[9] - user
-- ARGV[10] - grace, ms; 0 means at once
-- Returns {epoch, seq, whether a sweeper should come soon}.

local session, user, grace = ARGV[8], ARGV[9], tonumber(ARGV[10])

local person = person_of(user)
if person.sessions[session] then
  lose_session(user, person, session, grace)
  keep_person(user, person)
end
return show()
