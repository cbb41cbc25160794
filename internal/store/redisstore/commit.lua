-- Applies a batch: checks its conditions, then writes, or writes nothing.
--
-- KEYS  1. the fence of the partition, 2. the set of its collections, then for each collection of the batch the hash of its
--       values and the sorted set of its ids.
-- ARGV  1. for each collection: a count, and so many ids that have to be absent;
--                               a count, so many ids, and the values that they have to have.
--       2. a count, and so many triples in the order of the batch: the place of a hash in KEYS, an id, and what to add
--          to its counter.
--       3. 1 to go on, 0 to take back what was added and write nothing.
--       4. for each collection: a count, and so many pairs of an id and the value to put;
--                               a count, and so many ids to delete.
-- Returns 0 applied, 1 a condition does not hold, 2 a value that was to be added to is no number, 3 it would overflow.

local CHUNK = 1000 -- how much goes on Lua's stack at once
local at = 1

local function count()
  at = at + 1
  return tonumber(ARGV[at - 1])
end

-- Calls each with runs of the next n arguments.
local function runs(n, each)
  local last = at + n
  while at < last do
    local till = math.min(at + CHUNK, last) - 1
    each(at, till)
    at = till + 1
  end
end

-- A key of another type is a damaged store. That shows here, where nothing is written yet.
local held = {}
redis.call('SCARD', KEYS[2])
for k = 3, #KEYS, 2 do
  redis.call('HLEN', KEYS[k])
  held[k] = redis.call('ZCARD', KEYS[k + 1]) > 0
end

for k = 3, #KEYS, 2 do
  local holds = true
  runs(count(), function(from, till)
    for _, value in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, from, till))) do
      holds = holds and value == false
    end
  end)
  local n = count()
  runs(n, function(from, till)
    for i, value in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, from, till))) do
      holds = holds and value == ARGV[n + from + i - 1]
    end
  end)
  at = at + n
  if not holds then
    return 1
  end
end

-- Adding comes before all other writes, since it alone can fail, and is taken back then.
local added = {}
local fresh = {}

local function take_back()
  for i = #added, 1, -1 do
    local a = added[i]
    if a.before then
      redis.call('HSET', a.key, a.id, a.before)
    else
      redis.call('HDEL', a.key, a.id)
    end
  end
end

for _ = 1, count() do
  local k, id, delta = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  local before = redis.call('HGET', KEYS[k], id)
  local answer = redis.pcall('HINCRBY', KEYS[k], id, delta)
  if type(answer) == 'table' and answer.err then
    take_back()
    if string.find(answer.err, 'overflow', 1, true) then
      return 3
    elseif string.find(answer.err, 'not an integer', 1, true) then
      return 2
    end
    return redis.error_reply(answer.err)
  end
  added[#added + 1] = { key = KEYS[k], id = id, before = before }
  if not before then
    fresh[#fresh + 1] = { KEYS[k + 1], id }
  end
end
if count() == 0 then
  take_back()
  return 0
end
for i = 1, #fresh do
  redis.call('ZADD', fresh[i][1], 0, fresh[i][2])
end

for k = 3, #KEYS, 2 do
  runs(2 * count(), function(from, till) -- a run is even, so it ends with a pair
    redis.call('HSET', KEYS[k], unpack(ARGV, from, till))
    local members = {}
    for i = from, till, 2 do
      members[#members + 1] = 0
      members[#members + 1] = ARGV[i]
    end
    redis.call('ZADD', KEYS[k + 1], unpack(members))
  end)
  runs(count(), function(from, till)
    redis.call('HDEL', KEYS[k], unpack(ARGV, from, till))
    redis.call('ZREM', KEYS[k + 1], unpack(ARGV, from, till))
  end)
end

for k = 3, #KEYS, 2 do
  local holds = redis.call('ZCARD', KEYS[k + 1]) > 0
  if holds ~= held[k] then
    redis.call(holds and 'SADD' or 'SREM', KEYS[2], string.sub(KEYS[k], #KEYS[2] + 2))
  end
end
return 0
