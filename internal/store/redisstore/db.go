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
	replicas   int // that have a commit before it is answered
	scripts    scripts

	life   sync.RWMutex // held for reading by every call in flight, for writing by Close
	closed bool         // under life
}

var _ store.DB = (*DB)(nil)

// Partitions implements store.DB.
func (db *DB) Partitions() int { return db.partitions }

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

// tag is what the keys of a partition begin with, and what their slot is made of.
func (db *DB) tag(p store.Partition) string {
	return db.prefix + ":{" + strconv.Itoa(int(p)) + "}"
}

// valuesKey is the hash that holds the values of a collection, idsKey the sorted set that holds its ids.
func (db *DB) valuesKey(p store.Partition, collection string) string {
	return db.tag(p) + ":" + collection
}

func idsKey(valuesKey string) string { return valuesKey + ":ids" }

// A server is what the store is in. Its client is that of the node that a key lies on.
type server interface {
	Node(ctx context.Context, key string) (*redis.Client, error)
	// Refresh takes in that a node no longer is what it was.
	Refresh(ctx context.Context)
	Close() error
}

// single is one server, or whichever Sentinel says is the master now.
type single struct{ client *redis.Client }

func (s single) Node(context.Context, string) (*redis.Client, error) { return s.client, nil }
func (s single) Refresh(context.Context)                             {} // a broken connection is made anew by itself
func (s single) Close() error                                        { return s.client.Close() }

// cluster is a Redis Cluster.
type cluster struct{ client *redis.ClusterClient }

func (c cluster) Node(ctx context.Context, key string) (*redis.Client, error) {
	return c.client.MasterForKey(ctx, key)
}
func (c cluster) Refresh(ctx context.Context) { c.client.ReloadState(ctx) }
func (c cluster) Close() error                { return c.client.Close() }
