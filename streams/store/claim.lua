-- Make somebody the owner of a partition's view; how much it reflects stays as it was.
--
-- KEYS  1 hash
-- ARGV  1 meta's field  2 the new owner
-- Returns meta as it was, or false where there was none.
--
-- Meta that is not ours to read counts as lost: the owner then finds nothing applied, and rebuilds.

local meta = redis.call('HGET', KEYS[1], ARGV[1])
local rest = meta and string.match(meta, '^%S* (%d+ %d+ %d+ %d+ %S*)$') or '0 0 0 0 '
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. rest)
return meta
