-- Applies a batch: checks its conditions, then writes, or writes nothing.
--
-- KEYS  1. the fence of the partition, 2. the set of its collections, then for each collection of the batch the hash of its
--       values and the sorted set of its ids.
-- ARGV  1. for each collection: a count, and so many ids that have to be absent;
--                               a count, so many ids, and the values that they have to have.
--       2. in the order of the batch, a count, and so many times: the place of a hash in KEYS, a count, so many ids, and what to
--          add to the counter of each.
--       3. 1 to go on, 0 to take back what was added and write nothing.
--       4. for each collection: a count, and so many ids to put an empty value under;
--                               a count, and so many pairs of an id and the value to put;
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

-- Redis keeps a hash of up to 512 small values as a list, and walks through it for each. From some dozens on that takes more time
-- than all the rest. A long id makes it a table, which it stays until it is loaded from a file.
local LONG = string.rep('-', 65)

local function as_table(hash)
  local n = redis.call('HLEN', hash)
  if n > 32 and n <= 512 and redis.call('OBJECT', 'ENCODING', hash) == 'listpack' and redis.pcall('HSETNX', hash, LONG, '') == 1 then
    redis.call('HDEL', hash, LONG)
  end
end

local put_in = {} -- the hashes that something was put in

local function index(k, ids)
  local members = {}
  for i = 1, #ids do
    members[2 * i - 1] = 0
    members[2 * i] = ids[i]
  end
  for from = 1, #members, CHUNK do
    redis.call('ZADD', KEYS[k + 1], unpack(members, from, math.min(from + CHUNK - 1, #members)))
  end
end

-- Adding comes before all other writes, since it alone can fail. Lua counts exactly up to 2^53, so most sums are worked out
-- here, and written with one command.

local function plain(number)
  return #number <= 15 and (number == '0' or string.find(number, '^%-?[1-9]%d*$'))
end

local additions = count()
local first = at -- of them
local plainly = true
local added, new, seen = {}, {}, {} -- by place: pairs of an id and a sum, ids that are new, ids

local function add_up(k, n)
  runs(n, function(from, till)
    for i, before in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, from, till))) do
      local id, delta = ARGV[from + i - 1], ARGV[n + from + i - 1]
      if not before then
        before = '0'
        table.insert(new[k], id)
      end
      if seen[k][id] or not plain(before) or not plain(delta) then
        plainly = false -- which the rest cannot change
        return
      end
      seen[k][id] = true
      table.insert(added[k], id)
      table.insert(added[k], string.format('%d', before + delta))
    end
  end)
end

local function each_addition(add)
  at = first
  for _ = 1, additions do
    local k = count()
    local n = count()
    local ids = at
    add(k, n)
    at = ids + 2 * n
  end
end

for k = 3, #KEYS, 2 do
  added[k], new[k], seen[k] = {}, {}, {}
end
each_addition(add_up)
local going_on = count() == 1
local after = at

if plainly and going_on then
  for k = 3, #KEYS, 2 do
    for from = 1, #added[k], CHUNK do
      redis.call('HSET', KEYS[k], unpack(added[k], from, math.min(from + CHUNK - 1, #added[k])))
    end
    index(k, new[k])
    put_in[k] = #added[k] > 0
  end
else
  local done = {}
  local function take_back()
    for i = #done, 1, -1 do
      local a = done[i]
      if a.before then
        redis.call('HSET', a.key, a.id, a.before)
      else
        redis.call('HDEL', a.key, a.id)
      end
    end
  end
  for k = 3, #KEYS, 2 do
    new[k] = {}
  end
  local failure
  each_addition(function(k, n)
    for i = at, at + n - 1 do
      if failure then
        return
      end
      local id = ARGV[i]
      local before = redis.call('HGET', KEYS[k], id)
      local answer = redis.pcall('HINCRBY', KEYS[k], id, ARGV[i + n])
      if type(answer) == 'table' and answer.err then
        failure = answer.err
      else
        table.insert(done, { key = KEYS[k], id = id, before = before })
        if not before then
          table.insert(new[k], id)
        end
      end
    end
  end)
  if failure then
    take_back()
    if string.find(failure, 'overflow', 1, true) then
      return 3
    elseif string.find(failure, 'not an integer', 1, true) then
      return 2
    end
    return redis.error_reply(failure)
  end
  if not going_on then
    take_back()
    return 0
  end
  for k = 3, #KEYS, 2 do
    index(k, new[k])
  end
end
at = after

for k = 3, #KEYS, 2 do
  -- Most of what is marked with an empty value is marked already.
  local marks, values = {}, {}
  runs(count(), function(from, till)
    for i, value in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, from, till))) do
      if value ~= '' then
        marks[#marks + 1] = ARGV[from + i - 1]
        values[#values + 1] = marks[#marks]
        values[#values + 1] = ''
      end
    end
  end)
  for from = 1, #values, CHUNK do
    redis.call('HSET', KEYS[k], unpack(values, from, math.min(from + CHUNK - 1, #values)))
  end
  index(k, marks)
  put_in[k] = put_in[k] or #marks > 0
  runs(2 * count(), function(from, till) -- a run is even, so it ends with a pair
    redis.call('HSET', KEYS[k], unpack(ARGV, from, till))
    put_in[k] = true
    local ids = {}
    for i = from, till, 2 do
      ids[#ids + 1] = ARGV[i]
    end
    index(k, ids)
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
  if put_in[k] then -- else this may be the first write, which a server whose memory is full refuses
    as_table(KEYS[k])
  end
end
return 0
