-- Write one step, on condition that meta names this owner and this changelog offset.
--
-- KEYS  1 hash  2 due index
-- ARGV  1 meta's field
--       2 what meta must begin with: '<owner> <applied> '
--       3 what it begins with afterwards: '<owner> <applied> <applied_at> '
--       4 origin
--       5 how many arguments are fields and values, 6 how many are scores and members
--       7... field, value, ..., score, member, ..., and members to remove
-- Returns 1, or 0 where the condition does not hold; then nothing was written.
--
-- Meta is empty while the rest is written: should that break off, nobody trusts what it left.
-- Not deleted: a server without memory refuses a script's first write only if that may need some.

local CHUNK = 7000 -- Lua unpacks at most about 8,000 values; even, so that pairs stay together

local function each_chunk(command, key, first, last)
  local changed = 0
  while first <= last do
    local stop = math.min(first + CHUNK - 1, last)
    changed = changed + redis.call(command, key, unpack(ARGV, first, stop))
    first = stop + 1
  end
  return changed
end

local meta = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if string.sub(meta, 1, #ARGV[2]) ~= ARGV[2] then
  return 0
end
local fields_end = 6 + tonumber(ARGV[5])
local moves_end = fields_end + tonumber(ARGV[6])
local fields, dues = string.match(meta, '^%S* %d+ %d+ (%d+) (%d+) ')
redis.call('HSET', KEYS[1], ARGV[1], '')
-- Counts advance by what this write adds, so that a loss just before it is not counted away.
fields = fields + each_chunk('HSET', KEYS[1], 7, fields_end)
dues = dues + each_chunk('ZADD', KEYS[2], fields_end + 1, moves_end)
dues = dues - each_chunk('ZREM', KEYS[2], moves_end + 1, #ARGV)
redis.call(
  'HSET', KEYS[1], ARGV[1], ARGV[3] .. string.format('%d %d ', fields, dues) .. ARGV[4]
)
return 1
