package pebblestore

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// checkEvery is how many keys are read between two looks at the context.
const checkEvery = 512

// Get implements store.DB.
func (db *DB) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	if err := db.enter(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	for i := range keys {
		if err := store.CheckCollection(keys[i].Collection); err != nil {
			return nil, err
		}
	}
	part := &db.partitions[p]
	part.RLock()
	values, err := db.values(ctx, p, keys)
	last := part.last
	part.RUnlock()
	if err != nil {
		return nil, err
	}
	return values, last.wait(ctx)
}

// values reads keys, under the partition's lock.
func (db *DB) values(ctx context.Context, p store.Partition, keys []store.Key) ([][]byte, error) {
	r, err := db.newReader(p)
	if err != nil {
		return nil, err
	}
	defer r.close()
	values := make([][]byte, len(keys))
	var held []byte // backs values, so that a read of many keys allocates little
	for i, key := range keys {
		if i%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := r.get(key)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		if len(value) > cap(held)-len(held) {
			held = make([]byte, 0, max(len(value), min(2*cap(held), 64<<10), 64))
		}
		start := len(held)
		held = append(held, value...)
		values[i] = held[start:len(held):len(held)]
	}
	return values, nil
}

// Scan implements store.DB.
func (db *DB) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	if err := db.enter(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	if err := store.CheckCollection(collection); err != nil {
		return nil, err
	}
	part := &db.partitions[p]
	// An iterator keeps to the moment in which it was made, so the lock is held for that only.
	part.RLock()
	it, err := db.pebble.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: appendKey(nil, p, store.Key{Collection: collection, ID: from}),
		UpperBound: appendCollection(nil, p, collection, 1),
	})
	last := part.last
	part.RUnlock()
	if err != nil {
		return nil, err
	}
	entries, err := collect(ctx, it, keyHeader+len(collection)+1, limit)
	if err != nil {
		return nil, err
	}
	return entries, last.wait(ctx)
}

// collect returns the first limit entries of an iterator, whose ids begin at an offset of their keys, and
// closes it.
func collect(ctx context.Context, it *pebble.Iterator, offset, limit int) (entries []store.Entry, err error) {
	defer func() {
		if closeErr := it.Close(); err == nil && closeErr != nil {
			entries, err = nil, closeErr
		}
	}()
	for ok := limit > 0 && it.First(); ok; ok = len(entries) < limit && it.Next() {
		if len(entries)%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		entries = append(entries, store.Entry{
			ID:    string(it.Key()[offset:]),
			Value: append(make([]byte, 0, len(value)), value...),
		})
	}
	return entries, nil
}

// A reader reads single keys of a partition. It sees the moment in which it was made.
type reader struct {
	it        *pebble.Iterator
	partition store.Partition
	key       []byte
}

func (db *DB) newReader(p store.Partition) (*reader, error) {
	// Most keys that are asked for are absent: new earnings. Filters answer for them on every level, also the
	// last, where a Get of Pebble's own would read a block.
	it, err := db.pebble.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, err
	}
	return &reader{it: it, partition: p}, nil
}

func (r *reader) close() error { return r.it.Close() }

// get returns the value of a key, nil if it is absent. It is valid until the next call.
func (r *reader) get(key store.Key) ([]byte, error) {
	r.key = appendKey(r.key[:0], r.partition, key)
	if !r.it.SeekPrefixGE(r.key) {
		return nil, r.it.Error()
	}
	value, err := r.it.ValueAndErr()
	if err == nil && value == nil {
		value = []byte{}
	}
	return value, err
}
