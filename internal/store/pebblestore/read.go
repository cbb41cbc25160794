package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// checkEvery is how many keys are read between two looks at the context.
const checkEvery = 512

// manyRead is from how many keys on that a Get asks for they are taken to lie close together, as those of a run's page do.
const manyRead = 256

// Get implements store.DB.
func (db *DB) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	if err := db.enterOne(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	for i := range keys {
		if err := store.CheckCollection(keys[i].Collection); err != nil {
			return nil, err
		}
	}
	part := &db.partitions[p]
	// A reader keeps to the moment in which it was made, so the lock is held for that only.
	part.RLock()
	r := db.newReader()
	err := r.open()
	last := part.last
	part.RUnlock()
	if err != nil {
		return nil, err
	}
	r.partition, r.near = p, len(keys) >= manyRead
	values, err := r.values(ctx, keys)
	if err := r.close(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return values, last.wait(ctx)
}

// Scan implements store.DB.
func (db *DB) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	if err := db.enterOne(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	if err := store.CheckCollection(collection); err != nil {
		return nil, err
	}
	part := &db.partitions[p]
	part.RLock()
	it, err := db.pebble.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: appendKey(nil, p, store.Key{Collection: collection, ID: from}),
		UpperBound: appendEnd(nil, p, collection),
	})
	last := part.last
	part.RUnlock()
	if err != nil {
		return nil, unavailable(err)
	}
	entries, err := collect(ctx, it, len(collection)+keyHeader, limit)
	if err := it.Close(); err != nil {
		return nil, unavailable(err)
	}
	if err != nil {
		return nil, err
	}
	return entries, last.wait(ctx)
}

// Collections implements store.DB. It skips from one to the next.
func (db *DB) Collections(ctx context.Context, p store.Partition) ([]string, error) {
	if err := db.enterOne(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	part := &db.partitions[p]
	part.RLock()
	it, err := db.pebble.NewIterWithContext(ctx, nil)
	last := part.last
	part.RUnlock()
	if err != nil {
		return nil, unavailable(err)
	}
	var names []string
	for ok := it.First(); ok && ctx.Err() == nil; {
		name, found := collectionOf(it.Key())
		if !found {
			break
		}
		start := appendStart(nil, p, name)
		if it.SeekGE(start) && bytes.HasPrefix(it.Key(), start) {
			names = append(names, name)
		}
		ok = it.SeekGE(append([]byte(name), 1)) // the next byte above what stands behind a collection
	}
	if err := it.Close(); err != nil {
		return nil, unavailable(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return names, last.wait(ctx)
}

// collect returns the first limit entries of an iterator, whose ids begin at an offset of their keys.
func collect(ctx context.Context, it *pebble.Iterator, offset, limit int) ([]store.Entry, error) {
	var entries []store.Entry
	for ok := limit > 0 && it.First(); ok; ok = len(entries) < limit && it.Next() {
		if len(entries)%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, unavailable(err)
		}
		entries = append(entries, store.Entry{
			ID:    string(it.Key()[offset:]),
			Value: append(make([]byte, 0, len(value)), value...),
		})
	}
	return entries, nil
}

// unavailable makes the store's error of one that Pebble met while reading.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// A reader reads single keys of the partition that it is set to. It sees the moment in which it first reads, for which
// the partition's lock is held.
type reader struct {
	pebble    *pebble.DB
	partition store.Partition
	part      *partition // its filters are asked; nil where they are not to be
	near      bool       // the keys that are asked for lie close together
	key       []byte

	all    *pebble.Iterator
	tables *pebble.Iterator // without memtables
}

func (db *DB) newReader() *reader {
	return &reader{pebble: db.pebble, key: make([]byte, 0, 128)}
}

func (r *reader) close() error {
	var errs []error // one that fails does not leave the other open
	for _, it := range []*pebble.Iterator{r.all, r.tables} {
		if it != nil {
			errs = append(errs, it.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return unavailable(err)
	}
	return nil
}

// open makes the iterator that sees everything, unless it is there.
func (r *reader) open() error { return r.iterator(&r.all, false) }

func (r *reader) iterator(it **pebble.Iterator, tables bool) (err error) {
	if *it != nil {
		return nil
	}
	// Filters answer for absent keys on every level, also the last, where a Get of Pebble's own would read a block.
	*it, err = r.pebble.NewIter(&pebble.IterOptions{UseL6Filters: true, OnlyReadGuaranteedDurable: tables})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// get returns the value of a key, nil if it is absent. It is valid until the next call.
func (r *reader) get(key store.Key) ([]byte, error) {
	r.key = appendKey(r.key[:0], r.partition, key)
	it, tables := &r.all, r.part != nil && !r.part.mayBeRecent(key, r.key)
	if tables {
		it = &r.tables
	}
	if err := r.iterator(it, tables); err != nil {
		return nil, err
	}
	if !r.seek(*it) {
		if err := (*it).Error(); err != nil {
			return nil, unavailable(err)
		}
		return nil, nil
	}
	value, err := (*it).ValueAndErr()
	if err != nil {
		return nil, unavailable(err)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// seek finds the key at hand. Where the next one is near, it is dearer to ask the filters than to go there.
func (r *reader) seek(it *pebble.Iterator) bool {
	if r.near {
		return it.SeekGE(r.key) && bytes.Equal(it.Key(), r.key)
	}
	return it.SeekPrefixGE(r.key)
}

// values returns copies of the values of keys.
func (r *reader) values(ctx context.Context, keys []store.Key) ([][]byte, error) {
	values := make([][]byte, len(keys))
	held := make([]byte, 0, 64) // what values point into, so that many cost few allocations
	for n, i := range new(sorter).inOrder(make([]int, 0, len(keys)), len(keys), func(i int) *store.Key { return &keys[i] }) {
		if n%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := r.get(keys[i])
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		if len(value) > cap(held)-len(held) {
			held = make([]byte, 0, max(len(value), min(2*cap(held), 64<<10)))
		}
		start := len(held)
		held = append(held, value...)
		values[i] = held[start:len(held):len(held)]
	}
	return values, nil
}
