-- Return a page of fields, and from where the next one goes on.
--
-- KEYS  1 hash
-- ARGV  1 from where: '' or '<run id>:<cursor>', as the last page said  2 how many, about
-- Returns {from where, or '' at the end, {field, value, ...}}.
--
-- Every start of a server draws a new order of fields, and a cursor means nothing in another one.

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local of, cursor = string.match(ARGV[1], '^(%w+):(%d+)$')
local page = redis.call('HSCAN', KEYS[1], of == run and cursor or '0', 'COUNT', ARGV[2])
return {page[1] == '0' and '' or run .. ':' .. page[1], page[2]}
