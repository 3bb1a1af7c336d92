-- Read meta, the true counts and some fields, all as of one instant.
--
-- KEYS  1 hash  2 due index
-- ARGV  1 meta's field  2... fields
-- Returns {meta or false, fields in the hash with meta, entries in the index, {value or false, ...}}.

local CHUNK = 7000 -- Lua unpacks at most about 8,000 values

local values = {}
for first = 2, #ARGV, CHUNK do
  local chunk = redis.call('HMGET', KEYS[1], unpack(ARGV, first, math.min(first + CHUNK - 1, #ARGV)))
  if first == 2 then
    values = chunk
  else
    for index = 1, #chunk do
      values[first - 2 + index] = chunk[index]
    end
  end
end
return {
  redis.call('HGET', KEYS[1], ARGV[1]),
  redis.call('HLEN', KEYS[1]),
  redis.call('ZCARD', KEYS[2]),
  values,
}
