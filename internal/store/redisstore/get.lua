-- Reads values, all of one moment.
--
-- KEYS  1. the fence of the partition, then for each collection the hash of its values.
-- ARGV  for each collection: a count, and so many ids.
-- Returns a value for each id, nil where it is absent.

local CHUNK = 1000 -- how much goes on Lua's stack at once
local values, at = {}, 1
for k = 2, #KEYS do
  local last = at + tonumber(ARGV[at])
  at = at + 1
  while at <= last do
    local till = math.min(at + CHUNK - 1, last)
    for _, value in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, at, till))) do
      values[#values + 1] = value
    end
    at = till + 1
  end
end
return values
