package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// A commit is one that was handed to Pebble. It is visible there, and may not be durable yet.
type commit struct {
	done chan struct{} // closed once it is known whether the commit is durable
	err  error         // why it is not; readable once done is closed
}

// wait returns nil once the commit, and so all that came before it in its partition, is on stable storage.
func (c *commit) wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	select {
	case <-c.done:
		return c.err
	default:
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Commit implements store.DB.
func (db *DB) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	if err := db.enter(ctx, p); err != nil {
		return err
	}
	defer db.exit()
	if err := check(b); err != nil {
		return err
	}
	part := &db.partitions[p]
	part.Lock()
	built, err := db.build(p, b)
	if err != nil || built == nil {
		last := part.last
		part.Unlock()
		// The verdict rests on what is stored, so that must be durable before it is given.
		if waitErr := last.wait(ctx); waitErr != nil {
			return waitErr
		}
		return err
	}
	c := &commit{done: make(chan struct{})}
	if err := db.hand(built); err != nil {
		part.Unlock()
		return err
	}
	part.last = c
	part.counters.remember()
	part.Unlock()

	if c.err = built.SyncWait(); c.err != nil {
		c.err = db.fail(c.err)
	}
	close(c.done)
	return errors.Join(c.err, built.Close())
}

// hand puts a batch in Pebble's log and memtable, and does not wait for the sync. When it can't write its log,
// Pebble panics, and keeps its locks; the next commit would wait for them for ever. So one batch is handed
// over at a time, and none after a failure.
func (db *DB) hand(built *pebble.Batch) (err error) {
	db.apply.Lock()
	defer db.apply.Unlock()
	if failure := db.failure.Load(); failure != nil {
		return *failure
	}
	defer func() {
		if r := recover(); r != nil {
			db.broken = true
			err = db.fail(fmt.Errorf("%v", r))
		}
	}()
	if err := db.pebble.ApplyNoSyncWait(built, pebble.Sync); err != nil {
		return db.fail(err)
	}
	return nil
}

// check returns an error unless every key of a batch is well-formed.
func check(b *store.Batch) error {
	for i := range b.Conditions() {
		if err := store.CheckCollection(b.Conditions()[i].Key.Collection); err != nil {
			return err
		}
	}
	for i := range b.Writes() {
		if err := store.CheckCollection(b.Writes()[i].Key.Collection); err != nil {
			return err
		}
	}
	return nil
}

// build checks a batch's conditions and makes a batch of Pebble's of its writes; nil if there are none. The
// partition is locked.
func (db *DB) build(p store.Partition, b *store.Batch) (_ *pebble.Batch, err error) {
	r, err := db.newReader(p)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for _, c := range b.Conditions() {
		value, err := r.get(c.Key)
		if err != nil {
			return nil, err
		}
		if (value == nil) != (c.Value == nil) || !bytes.Equal(value, c.Value) {
			return nil, store.ErrConflict
		}
	}
	if b.Len() == 0 {
		return nil, nil
	}
	counters := &db.partitions[p].counters
	counters.begin(b.Writes())
	built := db.pebble.NewBatch()
	for i := range b.Writes() {
		w := &b.Writes()[i]
		switch w.Kind {
		case store.WritePut:
			put(built, p, w.Key, w.Value)
			counters.set(w.Key, w.Value)
		case store.WriteDelete:
			remove(built, p, w.Key)
			counters.set(w.Key, nil)
		case store.WriteAdd:
			if err := counters.add(r, w.Key, w.Delta); err != nil {
				return nil, errors.Join(err, built.Close())
			}
		}
	}
	counters.finish(built, p)
	return built, nil
}

func put(built *pebble.Batch, p store.Partition, key store.Key, value []byte) {
	op := built.SetDeferred(keySize(key), len(value))
	putKey(op.Key, p, key)
	copy(op.Value, value)
	_ = op.Finish() // fails for indexed batches only
}

func remove(built *pebble.Batch, p store.Partition, key store.Key) {
	op := built.DeleteDeferred(keySize(key))
	putKey(op.Key, p, key)
	_ = op.Finish() // fails for indexed batches only
}
