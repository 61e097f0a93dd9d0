-- Whether a server node lives.
-- KEYS[1] - sorted set: node → until when it lives, ms
-- Returns 1 or 0.

return has_server() and 1 or 0
