-- Lists the collections of a partition.
--
-- KEYS  1. the fence of the partition, 2. the set of its collections.
-- Returns their names, in no order.

return redis.call('SMEMBERS', KEYS[2])
