-- What the task scripts share; loaded after _room.lua.

local ENDED = { done = true, failed = true, cancelled = true }

local function state_of(room_key)
  local json = redis.call('HGET', room_key, 'state')
  return json and cjson.decode(json)
end
