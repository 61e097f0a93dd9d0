-- What every script that changes a room begins with. Loaded in front of each of them by rooms.py, after
-- _clock.lua and _stock.lua; it touches no key by itself.
--
-- A room is one hash: its fields, each a JSON text, and two of its own, ':epoch' and ':seq'. One key, so that
-- the state and its position can only be lost together.

local EPOCH, SEQ = ':epoch', ':seq'

local function json_object(pairs_list)
  return '{' .. table.concat(pairs_list, ',') .. '}'
end

-- Publish a change, in Frappe's own format, to whoever has joined a room, which is the changed one or a stock one.
local function publish(site, room, message)
  redis.call('PUBLISH', 'events', json_object({
    '"event":"room_change"',
    '"message":' .. message,
    '"room":' .. cjson.encode(room),
    '"namespace":' .. cjson.encode(site),
  }))
end

-- Apply a change to the room and publish it; what changes nothing is left out, and nothing left means nothing
-- published. set: list of {field, json}; unset: list of fields; ttl: seconds. Returns the room's epoch and
-- seq.
local function change_room(room_key, site, room, ttl, set, unset)
  local position = redis.call('HMGET', room_key, EPOCH, SEQ)
  local epoch, seq = position[1], tonumber(position[2] or 0)
  local new_life = not epoch
  if new_life then
    local time = redis.call('TIME')
    epoch = string.format('%x.%05x', time[1], time[2])
  end

  local set_json, unset_json = {}, {}
  for _, pair in ipairs(set) do
    local field, json = pair[1], pair[2]
    if redis.call('HGET', room_key, field) ~= json then
      redis.call('HSET', room_key, field, json)
      set_json[#set_json + 1] = cjson.encode(field) .. ':' .. json
    end
  end
  for _, field in ipairs(unset) do
    if redis.call('HDEL', room_key, field) == 1 then
      unset_json[#unset_json + 1] = cjson.encode(field)
    end
  end

  if #set_json + #unset_json > 0 then
    seq = seq + 1
    redis.call('HSET', room_key, EPOCH, epoch, SEQ, seq)
    local message = json_object({
      '"room":' .. cjson.encode(room),
      '"epoch":' .. cjson.encode(epoch),
      '"seq":' .. string.format('%d', seq),
      '"set":' .. json_object(set_json),
      '"unset":[' .. table.concat(unset_json, ',') .. ']',
    })
    publish(site, room, message)
    if not has_server() then
      for _, stock_room in ipairs(stock_rooms(room_key, room)) do
        publish(site, stock_room, message)
      end
    end
  elseif new_life then
    return '', 0
  end
  -- Also when nothing changed: a writer that repeats itself is alive, and so is what it says.
  redis.call('EXPIRE', room_key, ttl)
  return epoch, seq
end
