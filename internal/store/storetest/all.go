package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/store"
)

var allChecks = []check{
	{"many commits at once, each with its own verdict", checkCommitAll},
	{"many commits at once of one partition", checkCommitAllOfOne},
	{"many commits at once after the context is done", checkCommitAllCancelled},
	{"many commits at once beside others", checkCommitAllBeside},
	{"a version changes with every commit", checkVersion},
	{"conditions that were read at a version", checkReadVersion},
}

func checkCommitAll(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 1, func(b *store.Batch) { b.Put(key("there"), []byte("v")) })
	mustCommit(t, db, 2, func(b *store.Batch) { b.Put(key("word"), []byte("v")) })
	part := func(p store.Partition, fill func(b *store.Batch)) store.Part {
		return store.Part{Partition: p, Batch: batch(func(b *store.Batch) {
			b.Put(key("new"), []byte("n"))
			fill(b)
		})}
	}
	errs := store.CommitAll(t.Context(), db, []store.Part{
		part(0, func(b *store.Batch) { b.RequireAbsent(key("there")); b.Add(key("sum"), 5) }),
		part(1, func(b *store.Batch) { b.RequireAbsent(key("there")) }),
		part(2, func(b *store.Batch) { b.Add(key("word"), 1) }),
		part(store.MaxPartitions, func(*store.Batch) {}),
		part(3, func(b *store.Batch) { b.Delete(key("there")) }),
		{Partition: 4, Batch: &store.Batch{}},
	})
	want := []error{nil, store.ErrConflict, store.ErrNotNumber, store.ErrInvalid, nil, nil}
	if diff := cmp.Diff(want, errs, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	for p, want := range [][]byte{[]byte("n"), nil, nil, []byte("n"), nil} {
		wantValues(t, db, store.Partition(p), []store.Key{key("new")}, want)
	}
	wantValues(t, db, 0, []store.Key{key("sum")}, []byte("5"))
	if errs := store.CommitAll(t.Context(), db, nil); len(errs) != 0 {
		t.Errorf("nothing to commit: %v", errs)
	}
}

func checkCommitAllOfOne(t *testing.T, open Open) {
	db := mustOpen(t, open)
	parts := make([]store.Part, 10)
	for i := range parts {
		parts[i].Batch = batch(func(b *store.Batch) {
			b.RequireAbsent(key("first"))
			b.Put(key("first"), nil)
			b.Add(key("sum"), 1)
		})
	}
	won := 0
	for _, err := range store.CommitAll(t.Context(), db, parts) {
		if err == nil {
			won++
		} else {
			wantError(t, "a commit that comes later", err, store.ErrConflict)
		}
	}
	if won != 1 {
		t.Errorf("%d have found nothing there, want 1", won)
	}
	wantValues(t, db, 0, []store.Key{key("sum")}, []byte("1"))
}

// checkCommitAllBeside commits to the same partitions from several goroutines, each in an order of its own.
func checkCommitAllBeside(t *testing.T, open Open) {
	const workers, rounds = 8, 20
	db := mustOpen(t, open)
	won := make([]atomic.Int64, workers) // by partition
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			order := rand.New(rand.NewPCG(1, uint64(worker)))
			for round := range rounds {
				parts := make([]store.Part, 0, workers)
				for _, p := range order.Perm(workers) {
					parts = append(parts, store.Part{Partition: store.Partition(p), Batch: batch(func(b *store.Batch) {
						b.RequireAbsent(key(fmt.Sprint("round ", round)))
						b.Put(key(fmt.Sprint("round ", round)), []byte("v"))
						b.Add(key("sum"), 1)
					})})
				}
				for i, err := range store.CommitAll(t.Context(), db, parts) {
					if err == nil {
						won[parts[i].Partition].Add(1)
					} else if !errors.Is(err, store.ErrConflict) {
						t.Errorf("a commit beside others: %v", err)
					}
				}
			}
		})
	}
	group.Wait()
	for p := range won {
		if got := won[p].Load(); got != rounds {
			t.Errorf("partition %d: %d commits have won, want %d", p, got, rounds)
		}
		wantValues(t, db, store.Partition(p), []store.Key{key("sum")}, fmt.Append(nil, rounds))
	}
}

func checkCommitAllCancelled(t *testing.T, open Open) {
	db := mustOpen(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put := batch(func(b *store.Batch) { b.Put(key("a"), nil) })
	for _, err := range store.CommitAll(ctx, db, []store.Part{{Partition: 0, Batch: put}, {Partition: 1, Batch: put}}) {
		wantError(t, "commit", err, context.Canceled)
	}
	wantValues(t, db, 0, []store.Key{key("a")}, nil)
	wantValues(t, db, 1, []store.Key{key("a")}, nil)
}

func checkVersion(t *testing.T, open Open) {
	db := mustOpen(t, open)
	if db.Version(0) == 0 {
		t.Skip("the engine has none")
	}
	other := db.Version(1)
	seen := map[uint64]bool{db.Version(0): true, other: true}
	for i := range 100 {
		mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), fmt.Append(nil, i)) })
		if version := db.Version(0); version == 0 || seen[version] {
			t.Fatalf("the version after a commit is %d, as it was before", version)
		}
		seen[db.Version(0)] = true
	}
	if got := db.Version(1); got != other {
		t.Errorf("the version of another partition is %d, was %d", got, other)
	}
	if got := reopen(t, db, open).Version(0); got == 0 || seen[got] {
		t.Errorf("the version is %d when the store is opened again, as it was before", got)
	}
	if got := db.Version(store.MaxPartitions); got != 0 {
		t.Errorf("a partition that is not there has version %d", got)
	}
}

// checkReadVersion checks that a version spares nobody the look at what has changed since.
func checkReadVersion(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), []byte("1")) })
	version := db.Version(0)
	write := func(b *store.Batch) {
		b.Require(key("a"), []byte("1"))
		b.Put(key("b"), []byte("2"))
		b.SetReadVersion(version)
	}
	mustCommit(t, db, 0, write)
	wantValues(t, db, 0, []store.Key{key("b")}, []byte("2"))
	mustCommit(t, db, 0, write) // what has changed is something else
	mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), []byte("3")) })
	wantError(t, "a commit on what has changed since", db.Commit(t.Context(), 0, batch(write)), store.ErrConflict)
	version = db.Version(0)
	b := batch(write)
	b.Reset() // which forgets the version
	b.Require(key("a"), []byte("1"))
	wantError(t, "a commit of a batch that was used before", db.Commit(t.Context(), 0, b), store.ErrConflict)
}
