package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

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
	return db.CommitAll(ctx, []store.Part{{Partition: p, Batch: b}})[0]
}

// CommitAll implements store.AllCommitter. It waits for the log once everything is in it.
func (db *DB) CommitAll(ctx context.Context, parts []store.Part) []error {
	errs := make([]error, len(parts))
	if err := db.enter(ctx); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer db.exit()
	handed := make([]handedOver, 0, len(parts))
	// In their order, since one may wait for one before it. Also where a part panics: who reads what was handed over waits for it.
	defer func() {
		for i, h := range handed {
			errs[i] = db.finish(ctx, h, errs[i])
		}
	}()
	for i, part := range parts {
		var h handedOver
		h, errs[i] = db.start(part)
		handed = append(handed, h)
	}
	return errs
}

// A handedOver is what start leaves to wait for.
type handedOver struct {
	built  *pebble.Batch // that was handed to Pebble; nil where there was nothing to hand over
	commit *commit       // its own; else what the verdict rests on, nil for nothing
}

// finish waits until a commit, or what the verdict on it rests on, is durable.
func (db *DB) finish(ctx context.Context, h handedOver, verdict error) error {
	if h.built == nil {
		// The verdict rests on what is stored, so that must be durable before it is given.
		return cmp.Or(h.commit.wait(ctx), verdict)
	}
	c := h.commit
	if c.err = h.built.SyncWait(); c.err != nil {
		c.err = db.fail(c.err)
	}
	close(c.done)
	_ = h.built.Close() // gives memory back, and has no bearing on the commit
	return c.err
}

// start does what a commit does under the lock of its partition.
func (db *DB) start(p store.Part) (handedOver, error) {
	if err := db.check(p); err != nil || p.Batch.Len()+len(p.Batch.Conditions()) == 0 {
		return handedOver{}, err
	}
	part := &db.partitions[p.Partition]
	part.Lock()
	defer part.Unlock()
	built, err := db.build(p.Partition, p.Batch)
	if err != nil || built == nil {
		return handedOver{commit: part.last}, err
	}
	if built.Empty() { // all that it marks is marked: Pebble would not wait for the sync of that
		return handedOver{commit: part.last}, built.Close()
	}
	if err := db.hand(built); err != nil {
		return handedOver{}, err
	}
	part.last = &commit{done: make(chan struct{})}
	part.version.Store(db.versions.Add(1))
	part.memory.remember()
	return handedOver{built: built, commit: part.last}, nil
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

// check returns an error unless the partition is there, and every key of the batch is well-formed.
func (db *DB) check(p store.Part) error {
	if err := p.Partition.Check(len(db.partitions)); err != nil {
		return err
	}
	b := p.Batch
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
func (db *DB) build(p store.Partition, b *store.Batch) (built *pebble.Batch, err error) {
	r, err := db.newReader(p)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := r.close(); err == nil {
			err = closeErr
		}
	}()
	conditions := b.Conditions()
	if b.Version() == db.Version(p) {
		conditions = nil // nothing has changed since they were read
	}
	part := &db.partitions[p]
	part.order = inOrder(part.order, len(conditions), func(i int) *store.Key { return &conditions[i].Key })
	for _, i := range part.order {
		c := &conditions[i]
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
	built = db.pebble.NewBatch()
	writes := b.Writes()
	part.order = inOrder(part.order, len(writes), func(i int) *store.Key { return &writes[i].Key })
	if err := part.write(built, r, writes); err != nil {
		// Of several reasons to fail, the one is told that comes first in the batch.
		slices.Sort(part.order)
		built.Reset()
		err = cmp.Or(part.write(built, r, writes), err)
		_ = built.Close() // gives memory back
		return nil, err
	}
	return built, nil
}

// inOrder returns the places of n keys in the order in which Pebble has them, equal ones in theirs. Pebble finds its way
// from a key to the next one faster than to any.
func inOrder(order []int, n int, key func(i int) *store.Key) []int {
	order = order[:0]
	for i := range n {
		order = append(order, i)
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := key(i), key(j)
		if c := strings.Compare(a.Collection, b.Collection); c != 0 {
			return c
		}
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return i - j
	})
	return order
}
