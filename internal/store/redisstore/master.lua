-- Begins every script: a server that has become a replica may be behind, and is not to be asked.
--
-- KEYS  1. the fence of the partition.
--
-- A replica refuses whatever could write. This does not, as it sets nothing in nothing.

local asked = redis.pcall('SETRANGE', KEYS[1], 0, '')
if type(asked) == 'table' and asked.err and string.find(asked.err, 'READONLY', 1, true) then
  return redis.error_reply('READONLY this server is a replica')
end
