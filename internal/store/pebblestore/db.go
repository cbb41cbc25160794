package pebblestore

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// A DB is a [store.DB] in a folder. See [Open].
type DB struct {
	pebble     *pebble.DB
	partitions []partition

	life   sync.RWMutex // held for reading by every call in flight, for writing by Close
	closed bool         // under life

	apply  sync.Mutex // held while a batch is handed to Pebble; see DB.hand
	broken bool       // Pebble panicked, and can't be closed; under apply

	// See recent.go.
	generation     atomic.Uint64
	generationSize int
	flushed        <-chan struct{} // closed once all that is older than the generation is in tables; under apply
	written        int             // bytes of the generation; under apply

	// versions is the newest version of any partition. It begins at random, so that one of a store that was closed is none of
	// the same store opened again.
	versions atomic.Uint64

	failure atomic.Pointer[error] // the first failure to write, which is final
}

// A partition's lock makes its commits one step each, and its reads one moment.
type partition struct {
	sync.RWMutex
	last    *commit       // the newest commit handed to Pebble; nil before the first
	version atomic.Uint64 // see DB.Version; changed under the lock

	// Under the lock for writing:
	memory memory
	recent recent
	order  []int // of what is at hand; kept for its memory
	sorter sorter
}

var (
	_ store.DB           = (*DB)(nil)
	_ store.AllCommitter = (*DB)(nil)
)

// Partitions implements store.DB.
func (db *DB) Partitions() int { return len(db.partitions) }

// Version implements store.DB.
func (db *DB) Version(p store.Partition) uint64 {
	if int(p) >= len(db.partitions) {
		return 0
	}
	return db.partitions[p].version.Load()
}

// Close implements store.DB.
func (db *DB) Close() error {
	db.life.Lock()
	defer db.life.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	if db.broken {
		return *db.failure.Load()
	}
	if err := db.pebble.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// enterOne begins a call on one partition, as enter does.
func (db *DB) enterOne(ctx context.Context, p store.Partition) error {
	if err := p.Check(len(db.partitions)); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	return db.enter(ctx)
}

// enter begins a call. Unless it returns an error, exit ends the call.
func (db *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.life.RLock()
	if db.closed {
		db.life.RUnlock()
		return store.ErrClosed
	}
	if failure := db.failure.Load(); failure != nil {
		db.life.RUnlock()
		return *failure
	}
	return nil
}

func (db *DB) exit() { db.life.RUnlock() }

// fail makes err the answer to this and every later call. It returns the answer.
func (db *DB) fail(err error) error {
	err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	db.failure.CompareAndSwap(nil, &err)
	return *db.failure.Load()
}
