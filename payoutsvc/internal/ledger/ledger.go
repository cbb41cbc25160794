package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/incentives-dev/incentives/internal/store"
)

// A Ledger is what payoutsvc knows: what was earned, what is paid, and how far
// its payout runs are. It holds nothing that the store does not, but what waits to be recorded, and may be used by any
// number of goroutines, and beside other Ledgers of the same store.
//
// Its methods fail with what the store fails with, which package rpc has words
// for, besides the refusals that they name.
type Ledger struct {
	db               store.DB
	recordings       sync.Pool   // of *recording: memory for another use
	commitsTogether  bool        // the store is better at many partitions at once
	single           Line        // of RecordOne, where it is
	batches          Line        // of Record and Put
	mostlyDuplicates atomic.Bool // most of what was recorded last had been recorded before, so what comes next is likely to have been
}

// New is the ledger in a store.
func New(db store.DB) *Ledger {
	l := &Ledger{db: db, recordings: sync.Pool{New: func() any { return newRecording(db) }}}
	l.lines()
	return l
}

// partitionOf is where a key's data lies: that of an MPN ID, or of a program's name.
func (l *Ledger) partitionOf(key string) store.Partition {
	return store.PartitionOf(key, l.db.Partitions())
}
