-- Lists a collection from an id on.
--
-- KEYS  1. the fence of the partition, 2. the hash of the collection's values, 3. the sorted set of its ids.
-- ARGV  where to start, as ZRANGEBYLEX takes it ("-", or "[" and an id), and how many entries at the most.
-- Returns id, value, id, value, … in the order of the ids' bytes.

local CHUNK = 1000 -- how much goes on Lua's stack at once
local ids = redis.call('ZRANGEBYLEX', KEYS[3], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local entries = {}
for from = 1, #ids, CHUNK do
  local till = math.min(from + CHUNK - 1, #ids)
  for i, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ids, from, till))) do
    entries[#entries + 1] = ids[from + i - 1]
    entries[#entries + 1] = value
  end
end
return entries
