-- Makes the connection's WAIT wait for all that the server holds: WAIT looks no further than the last change that came
-- through its own connection, and what a script has read or decided on may have come through another one. So here is a
-- change, for replicas alone.
--
-- KEYS  1. the fence of the partition.

redis.set_repl(redis.REPL_REPLICA)
if redis.call('EXPIRE', KEYS[1], 86400) == 0 then -- which a server does when its memory is full, too
  redis.call('SET', KEYS[1], '', 'EX', 86400)
end
