-- To whom a change of a room is told while no server of ours runs. Loaded in front of each script by rooms.py,
-- after _clock.lua.
--
-- Frappe's own server lets nobody join a room of ours. It has rooms with the same readers: a user's, a document's,
-- a DocType's, the website's, and that of all System Users. Presence needs a server of ours.

local function has_server()
  local known = redis.pcall('ZCARD', NODES)
  if type(known) == 'table' then
    return true -- A shard of a cluster, which is only ever our server's.
  end
  return known > 0 and redis.call('ZCOUNT', NODES, string.format('(%.0f', clock()), '+inf') > 0
end

-- A user's room, or none: that of guests is everybody's.
local function add_user(rooms, user)
  if user and user ~= cjson.null and user ~= 'Guest' then
    rooms[#rooms + 1] = 'user:' .. user
  end
end

local function stock_rooms(room_key, room)
  local rooms = {}
  local kind, rest = string.match(room, '^(%a+):(.*)$')
  if kind == 'task' then
    local about = {}
    for i, json in ipairs(redis.call('HMGET', room_key, 'user', 'doctype', 'name')) do
      about[i] = json and cjson.decode(json) or cjson.null
    end
    add_user(rooms, about[1])
    if about[2] ~= cjson.null and about[3] ~= cjson.null then
      rooms[#rooms + 1] = 'doc:' .. about[2] .. '/' .. about[3]
    elseif about[2] ~= cjson.null then
      rooms[#rooms + 1] = 'doctype:' .. about[2]
    end
  elseif kind == 'tasks' and string.match(rest, '^doc%a*:') then
    rooms[1] = rest
  elseif kind == 'tasks' then
    add_user(rooms, rest)
  elseif kind == 'count' then
    local scope = string.match(rest, '^(.*)/[^/]*$')
    rooms[1] = scope == 'site' and 'all' or scope
  end
  return rooms
end
