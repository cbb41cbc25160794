package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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

// mostTogether is how many partitions are locked at once, to look into them with one iterator and to write to them with
// one batch of Pebble's. Of more, callers would wait for each other more than they save.
const mostTogether = 16

// CommitAll implements store.AllCommitter. It waits for the log once everything is in it.
func (db *DB) CommitAll(ctx context.Context, parts []store.Part) []error {
	verdicts := make([]verdict, len(parts))
	errs := make([]error, len(parts))
	if err := db.enter(ctx); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer db.exit()
	var handed []handedOver
	// Also where a part panics: the reader of what was handed over waits for it.
	defer func() {
		for _, h := range handed {
			db.finish(h)
		}
		for i, v := range verdicts {
			errs[i] = cmp.Or(v.rests.wait(ctx), v.err)
		}
	}()
	for start := 0; start < len(parts); {
		end := start + 1
		for end < len(parts) && end < start+mostTogether && parts[end-1].Partition < parts[end].Partition {
			end++
		}
		if h := db.start(parts[start:end], verdicts[start:end]); h.built != nil {
			handed = append(handed, h)
		}
		start = end
	}
	return errs
}

// A handedOver is a batch that was handed to Pebble.
type handedOver struct {
	built  *pebble.Batch
	commit *commit
}

// A verdict is what a part's commit comes to, as soon as what it rests on is durable: the commit itself, or what its
// conditions were checked on.
type verdict struct {
	rests *commit // nil for nothing
	err   error
}

// finish waits until a commit is durable.
func (db *DB) finish(h handedOver) {
	c := h.commit
	if c.err = h.built.SyncWait(); c.err != nil {
		c.err = db.fail(c.err)
	}
	close(c.done)
	_ = h.built.Close() // gives memory back, and has no bearing on the commit
}

// start does what a commit does under the lock of its partition, for parts whose partitions ascend, so that nobody
// waits for whom he keeps waiting.
func (db *DB) start(parts []store.Part, verdicts []verdict) (h handedOver) {
	var locked [mostTogether]*partition
	defer func() {
		for _, part := range locked {
			if part != nil {
				part.Unlock()
			}
		}
	}()
	for i, p := range parts {
		if verdicts[i].err = db.check(p); verdicts[i].err == nil {
			locked[i] = &db.partitions[p.Partition]
			locked[i].Lock()
		}
	}
	built, written, err := db.buildAll(parts, verdicts)
	if err == nil && built != nil {
		err = db.hand(built)
	}
	if err != nil {
		for i := range verdicts {
			verdicts[i] = verdict{err: cmp.Or(verdicts[i].err, err)}
		}
		return handedOver{}
	}
	if built == nil {
		return handedOver{}
	}
	h = handedOver{built: built, commit: &commit{done: make(chan struct{})}}
	noted := false
	defer func() {
		if !noted { // a panic: what is there is not in the filters, so nobody may ask them again
			h.commit.err = db.fail(errors.New("the commit was not taken note of"))
			close(h.commit.done) // somebody may wait for it already
		}
	}()
	for _, i := range written {
		part := &db.partitions[parts[i].Partition]
		part.last, verdicts[i].rests = h.commit, h.commit
		part.version.Store(db.versions.Add(1))
		part.memory.remember()
		part.recent.age(db.generation.Load(), len(db.partitions)) // a later one than before it was handed over, perhaps
		part.wrote(parts[i].Partition, parts[i].Batch.Writes())
	}
	noted = true
	return h
}

// buildAll makes one batch of Pebble's of what parts write, nil if that is nothing, and says which of them do. Their
// partitions are locked.
func (db *DB) buildAll(parts []store.Part, verdicts []verdict) (all *pebble.Batch, written []int, err error) {
	generation := db.generation.Load()
	for i, p := range parts {
		if verdicts[i].err == nil {
			db.partitions[p.Partition].recent.age(generation, len(db.partitions))
		}
	}
	r := db.newReader() // later than the filters: what has left them since is in the tables that it sees
	defer func() {
		if closeErr := r.close(); err == nil {
			err = closeErr
		}
	}()
	for i, p := range parts {
		v := &verdicts[i]
		if v.err != nil || p.Batch.Len()+len(p.Batch.Conditions()) == 0 {
			continue
		}
		r.partition, r.part = p.Partition, &db.partitions[p.Partition]
		var built *pebble.Batch
		built, v.err = db.build(r, p.Batch)
		switch {
		case built == nil:
			v.rests = db.partitions[p.Partition].last
			continue
		case built.Empty(): // all that it marks is marked: Pebble would not wait for the sync of that
			v.rests, v.err = db.partitions[p.Partition].last, built.Close()
			continue
		case all == nil:
			all = built
		default:
			if err := cmp.Or(all.Apply(built, nil), built.Close()); err != nil {
				return nil, nil, unavailable(err)
			}
		}
		written = append(written, i)
	}
	return all, written, nil
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
	if err := db.age(built.Len()); err != nil {
		return db.fail(err)
	}
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

// build checks a batch's conditions and makes a batch of Pebble's of its writes in the reader's partition; nil if there
// are none.
func (db *DB) build(r *reader, b *store.Batch) (*pebble.Batch, error) {
	part := &db.partitions[r.partition]
	conditions := b.Conditions()
	if b.ReadVersion() == part.version.Load() {
		conditions = nil // nothing has changed since they were read
	}
	part.order = part.sorter.inOrder(part.order, len(conditions), func(i int) *store.Key { return &conditions[i].Key })
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
	built := db.pebble.NewBatch()
	writes := b.Writes()
	part.order = part.sorter.inOrder(part.order, len(writes), func(i int) *store.Key { return &writes[i].Key })
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
