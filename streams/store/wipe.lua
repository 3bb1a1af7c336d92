-- Forget a partition's view, on condition that the caller owns it, and let another own it.
--
-- KEYS  1 hash  2 due index
-- ARGV  1 meta's field  2 the owner  3 the new owner
-- Returns 1, or 0 where somebody else owns it.

local meta = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local mine = ARGV[2] .. ' '
if string.sub(meta, 1, #mine) ~= mine then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' 0 0 0 0 ')
return 1
