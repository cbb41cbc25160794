package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store"
)

// A DB is a [store.DB] in Redis. See [Open].
type DB struct {
	server     server
	prefix     string
	partitions int
	replicas   int // that have whatever is answered
	scripts    scripts
	lines      lines

	life   sync.RWMutex // held for reading by every call in flight, for writing by Close
	closed bool         // under life
}

var _ store.DB = (*DB)(nil)

// Partitions implements store.DB.
func (db *DB) Partitions() int { return db.partitions }

// Version implements store.DB: others may commit at any time, so there is none.
func (db *DB) Version(store.Partition) uint64 { return 0 }

// Redis returns the client, for what is not data and may be lost, and what its keys have to begin with, to be apart from other
// stores'. It is closed with the store.
func (db *DB) Redis() (client redis.UniversalClient, prefix string) {
	return db.server.Client(), db.prefix
}

// Close implements store.DB.
func (db *DB) Close() error {
	db.life.Lock()
	defer db.life.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	if err := db.server.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// enter begins a call on a partition. Unless it returns an error, exit ends the call.
func (db *DB) enter(ctx context.Context, p store.Partition) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.Check(db.partitions); err != nil {
		return err
	}
	db.life.RLock()
	if db.closed {
		db.life.RUnlock()
		return store.ErrClosed
	}
	return nil
}

func (db *DB) exit() { db.life.RUnlock() }

// tag is what the keys of a partition begin with, and what their slot is made of. It is also the set that holds the
// names of the collections.
func (db *DB) tag(p store.Partition) string {
	return db.prefix + ":{" + strconv.Itoa(int(p)) + "}"
}

// fenceKey is what master.lua and fence.lua write, or try to, and nothing reads.
func (db *DB) fenceKey(p store.Partition) string { return db.tag(p) + "/fence" }

// valuesKey is the hash that holds the values of a collection, idsKey the sorted set that holds its ids.
func (db *DB) valuesKey(p store.Partition, collection string) string {
	return db.tag(p) + ":" + collection
}

func idsKey(valuesKey string) string { return valuesKey + ":ids" }
