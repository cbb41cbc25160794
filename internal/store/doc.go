// Package store is the contract between the services' data and the engines that keep it.
//
// A [DB] is a fixed number of partitions. A partition is the unit of atomicity and of consistency: a
// [DB.Get] sees one moment of it, a [DB.Commit] changes it in one step, and nothing ever spans two. All
// that belongs to one partner lies in one partition, found with [PartitionOf].
//
// What always holds, on every engine:
//
//   - A value that Get or Scan returned, and whatever a conflict or a failed Add was decided on, is on
//     stable storage. So an answer that was given on the strength of a read ("a duplicate") is never
//     taken back by a crash (Rule E2).
//   - A Commit that returned nil is on stable storage, whole. One that returned [ErrUnavailable] may
//     or may not have happened, whole. One that returned any other error changed nothing.
//   - Keys are compared byte for byte, and listed in the order of their bytes.
//   - Nothing is locked between two calls. A writer reads, decides, and commits on the condition that
//     what it read still stands; [Update] does that, and again on conflict. [Batch.Add] commutes, and
//     so needs no condition.
//
// The engines are tested by one suite, package storetest.
package store
