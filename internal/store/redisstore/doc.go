// Package redisstore keeps a store in Redis: one server, a master that Sentinel watches, or a Cluster. Any number of
// processes may use the same store at once.
//
// # What lies where
//
// Each partition has a hash tag, so that all of it lies in one slot of a Cluster. A collection of a partition is
// two keys; {17} is the partition, "plansvc" the prefix that keeps the stores of two services apart:
//
//	plansvc:store             string      {"format": 1, "partitions": 64}
//	plansvc:{17}:plans        hash        id → value
//	plansvc:{17}:plans:ids    sorted set  the same ids, all with score 0, so in the order of their bytes
//
// What the ids and values are, the services' own packages say. A counter is a value in decimal digits.
//
// # What always holds
//
//   - A commit is one script, commit.lua, so it is applied whole or not at all, and Redis answers it after its
//     append-only file is synced: Open refuses a server that would not (see Options).
//   - A commit is sent once. When the answer is lost, it is store.ErrUnavailable, and not sent again: it may have been
//     applied. What a server refuses without having looked at it (it is loading, or no longer the master) is sent again
//     for a while.
//   - With min_replicas, a commit is answered when so many replicas have it too, and so is a read: what an answer
//     rests on outlives the master.
//   - No call takes longer than some seconds, whatever the server and the network do.
package redisstore
