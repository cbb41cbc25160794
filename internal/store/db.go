package store

import (
	"context"
	"errors"
)

// A DB is a set of partitions. A partition is the unit of atomicity; nothing spans two.
//
// Every method may be called from any number of goroutines at once. A context that is done before
// the call starts makes it return the context's error and do nothing. Besides the errors that a method
// names, each returns an error wrapping [ErrInvalid] for a partition that the store does not have or a
// malformed collection, [ErrClosed] after Close, and [ErrUnavailable] when the storage fails.
type DB interface {
	// Partitions returns how many partitions the store has: 1 to [MaxPartitions], fixed for ever
	// when the store was created.
	Partitions() int

	// Get returns the value of each key, in the order of the keys, in one round trip. The value of a
	// key that is absent is nil; a present value is never nil, also when it is empty. A key may be
	// named twice. All values are of one moment: of two keys that are only changed together, Get never
	// sees one changed and the other not. The values belong to the caller.
	Get(ctx context.Context, p Partition, keys ...Key) ([][]byte, error)

	// Scan returns the entries of a collection whose ids are from or above, in the byte order of
	// their ids, the first limit of them; none when limit is 0 or below. From "" is the start. To go
	// on after the last entry e of a page, scan from e.ID + "\x00". The entries of one call are of one
	// moment. They belong to the caller.
	Scan(ctx context.Context, p Partition, collection, from string, limit int) ([]Entry, error)

	// Collections returns the names of the collections that hold anything in a partition, in byte order. It is for
	// whoever goes through a whole store, and may cost much more than a Scan.
	Collections(ctx context.Context, p Partition) ([]string, error)

	// Version returns a number that every commit which changes anything in a partition changes to one that no partition
	// has had. It costs nothing. It is 0 where the engine has none, or there is no such partition. See [Batch.SetReadVersion].
	Version(p Partition) uint64

	// Commit applies the whole batch and returns nil when it is on stable storage, or applies nothing
	// of it and returns an error:
	//
	//   - [ErrConflict] when a condition does not hold;
	//   - [ErrNotNumber] when an Add meets a value that is no counter;
	//   - [ErrOverflow] when an Add would leave the range of int64.
	//
	// Only [ErrUnavailable] leaves open whether the batch was applied, and then too it was applied
	// whole or not at all. A context that is done while the commit runs does not tear it: Commit then
	// reports what really happened, or ErrUnavailable where that cannot be known.
	//
	// All conditions are checked on the state before the batch. Then Put, Delete and Add take
	// effect in the order in which they were called, each on what the ones before it left. A batch
	// without writes checks its conditions only; an empty one does nothing. The batch is not changed,
	// and may be committed again.
	Commit(ctx context.Context, p Partition, b *Batch) error

	// Close waits for the calls in flight, then releases what the store holds. Later calls return
	// ErrClosed; closing again does nothing and returns nil.
	Close() error
}

// A Key names a value in a partition.
type Key struct {
	Collection string // [a-z_]+: the kind of thing, and what Scan lists
	ID         string // any bytes, also none; compared byte for byte
}

// An Entry is what Scan found under an id.
type Entry struct {
	ID    string
	Value []byte // never nil
}

var (
	// ErrConflict says that a condition of a batch does not hold: read again, decide again.
	ErrConflict = errors.New("the stored data has changed meanwhile")

	// ErrNotNumber says that an Add met a value that is no counter. See [Batch.Add].
	ErrNotNumber = errors.New("the stored value is not a number")

	// ErrOverflow says that an Add would have left the range of int64.
	ErrOverflow = errors.New("the counter would overflow")

	// ErrInvalid says that a call names a partition that the store does not have, or a collection
	// that is not [a-z_]+. It is a mistake of the program.
	ErrInvalid = errors.New("invalid use of the store")

	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("the store is closed")

	// ErrUnavailable says that the storage failed or can't be reached. A Commit that returns it may or
	// may not have been applied.
	ErrUnavailable = errors.New("the store is unavailable")

	// ErrPartitions says on opening that the store was created with another number of partitions.
	ErrPartitions = errors.New("the store has another number of partitions")

	// ErrFormat says on opening that the store was written in a format that this program does not
	// know, or is no store at all.
	ErrFormat = errors.New("the store's format is not known")

	// ErrMissing says on opening that there is no store, where none was to be created.
	ErrMissing = errors.New("there is no store")

	// ErrOther says on opening that the store is another service's.
	ErrOther = errors.New("the store is another one's")

	// ErrInUse says on opening that another process holds the store.
	ErrInUse = errors.New("the store is in use")
)
