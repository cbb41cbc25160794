// Package redisstore keeps a store in Redis 7 or later: one server, a master that Sentinels watch, or a Cluster. Any
// number of processes may use the same store at once.
//
// # What lies where
//
// Each partition has a hash tag, so that all of it lies in one slot of a Cluster. A collection of a partition is
// two keys; {17} is the partition, "plansvc" the prefix that keeps the stores of two services apart:
//
//	plansvc:store             string      {"format": 1, "partitions": 64}
//	plansvc:{17}              set         the names of the collections that hold anything
//	plansvc:{17}:plans        hash        id → value
//	plansvc:{17}:plans:ids    sorted set  the same ids, all with score 0, so in the order of their bytes
//	plansvc:{17}/fence        string      nothing, and not always there: see fence.lua
//
// What the ids and values are, the services' own packages say. A counter is a value in decimal digits.
//
// # What always holds
//
//   - A commit is one script, commit.lua, so it is applied whole or not at all, and Redis answers it after its
//     append-only file is synced: Open refuses a server that would not (see Options).
//   - A commit is sent once. When the answer is lost, it is store.ErrUnavailable, and not sent again: it may have been
//     applied. What a server refuses without having changed anything (it is loading, or no longer the master) is sent
//     again for a while.
//   - With min_replicas, nothing is answered until so many replicas have all that the server had then, neither a commit
//     nor a read: what an answer rests on outlives the master, where one of those takes its place. Without it, a replica
//     that takes the place of a master may lack the last commits that were acknowledged.
//   - A replica answers nothing, also if it was the master a moment ago.
//   - No call takes longer than some seconds, whatever the server and the network do: a read five, a commit ten, since it
//     may wait for others that are on their way.
//
// While a Cluster moves a slot from one node to another, calls on its partitions wait until it has arrived. Valkey will do
// for Redis.
package redisstore
