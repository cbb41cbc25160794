// Package pebblestore keeps a [store.DB] in a folder of this machine, on Pebble.
//
// A key of the store is one key of Pebble: the collection; a zero byte; the partition as two bytes, big-endian; the
// id. So a collection lies in one piece, a partition's part in one piece of it, and no collection's entries reach into another's. Under
// 0xFFFF, with which no collection begins, lies what the store says of itself.
//
// A lock a partition makes a commit one step: under it the conditions are checked, the counters
// computed, and the batch handed to Pebble's log and memtable. The wait for the log's sync is outside of
// it, so commits of one partition, too, share a sync; the log keeps their order, so none can
// become durable before one that it was built on. Pebble shows a batch before it is synced. Hence
// whoever read a partition then waits for the newest commit that it can have seen; see commit.go.
//
// Pebble can't go on after it failed to write its log. The first such failure is therefore final: every
// call, from then on, returns [store.ErrUnavailable], until the folder is opened again. Where Pebble fails
// in the background, or while it changes from a full log to a new one, it ends the process instead.
package pebblestore
