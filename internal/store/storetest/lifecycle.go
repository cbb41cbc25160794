package storetest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var lifecycleChecks = []check{
	{"reopening keeps everything", checkReopen},
	{"the number of partitions is fixed", checkPartitionsFixed},
	{"a closed store refuses", checkClosed},
	{"closing waits for calls in flight", checkCloseInFlight},
	{"a context that is done does nothing", checkContextDone},
	{"a commit that is cancelled reports the truth", checkContextCancelled},
}

func checkReopen(t *testing.T, open Open) {
	db := mustOpen(t, open)
	ids := numbered(300)
	for round := range 3 {
		mustCommit(t, db, 5, func(b *store.Batch) {
			b.Add(key("count"), 1)
			b.Put(key(""), []byte{byte(round)})
			for _, id := range ids[round*100 : (round+1)*100] {
				b.RequireAbsent(key(id))
				b.Put(key(id), []byte(id))
			}
		})
		mustCommit(t, db, 5, func(b *store.Batch) { b.Delete(key(ids[round*100])) })
		db = reopen(t, db, open)
		wantValues(t, db, 5, []store.Key{key("count"), key(""), key(ids[round*100]), key(ids[round*100+1])},
			[]byte(strconv.Itoa(round+1)), []byte{byte(round)}, nil, []byte(ids[round*100+1]))
		if got, want := len(mustScan(t, db, 5, key("0"), 1000)), (round+1)*99+1; got != want {
			t.Errorf("after reopening %d times %d entries are left, want %d", round+1, got, want)
		}
	}
}

func checkPartitionsFixed(t *testing.T, open Open) {
	db, err := open(16)
	if err != nil {
		t.Fatalf("create with 16 partitions: %v", err)
	}
	if db.Partitions() != 16 {
		t.Errorf("created with %d partitions, want 16", db.Partitions())
	}
	mustCommit(t, db, 15, func(b *store.Batch) { b.Put(key("a"), nil) })
	_, err = db.Get(t.Context(), 16, key("a"))
	wantError(t, "get from partition 16 of 16", err, store.ErrInvalid)
	if err := db.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	for _, n := range []int{1, 15, 17, 64} {
		if db, err = open(n); err == nil {
			_ = db.Close()
		}
		wantError(t, "open with "+strconv.Itoa(n)+" partitions", err, store.ErrPartitions)
	}
	for _, n := range []int{-1, store.MaxPartitions + 1} {
		if db, err = open(n); err == nil {
			_ = db.Close()
		}
		wantError(t, "open with "+strconv.Itoa(n)+" partitions", err, store.ErrInvalid)
	}
	for _, n := range []int{16, 0} {
		if db, err = open(n); err != nil {
			t.Fatalf("open with %d partitions: %v", n, err)
		}
		if db.Partitions() != 16 {
			t.Errorf("opened with %d: has %d partitions, want 16", n, db.Partitions())
		}
		wantValues(t, db, 15, []store.Key{key("a")}, []byte{})
		if err := db.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

func checkClosed(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), nil) })
	for range 2 {
		wantError(t, "close", db.Close(), nil)
	}
	_, err := db.Get(t.Context(), 0, key("a"))
	wantError(t, "get", err, store.ErrClosed)
	_, err = db.Scan(t.Context(), 0, "thing", "", 1)
	wantError(t, "scan", err, store.ErrClosed)
	err = db.Commit(t.Context(), 0, batch(func(b *store.Batch) { b.Delete(key("a")) }))
	wantError(t, "commit", err, store.ErrClosed)
	wantError(t, "commit of an empty batch", db.Commit(t.Context(), 0, &store.Batch{}), store.ErrClosed)
	if db.Partitions() != store.DefaultPartitions {
		t.Errorf("a closed store has %d partitions", db.Partitions())
	}
	wantValues(t, mustOpen(t, open), 0, []store.Key{key("a")}, []byte{})
}

func checkCloseInFlight(t *testing.T, open Open) {
	const goroutines = 8
	db := mustOpen(t, open)
	acknowledged := make([]int64, goroutines)
	var running, group sync.WaitGroup
	running.Add(goroutines)
	for g := range goroutines {
		group.Go(func() {
			for started := false; ; {
				err := db.Commit(t.Context(), store.Partition(g%2), batch(func(b *store.Batch) { b.Add(key(strconv.Itoa(g)), 1) }))
				if err == nil {
					acknowledged[g]++
					_, err = db.Get(t.Context(), store.Partition(g%2), key("n"))
				}
				if !started {
					started = true
					running.Done()
				}
				if err != nil {
					wantError(t, "a call while the store closes", err, store.ErrClosed)
					return
				}
			}
		})
	}
	running.Wait()
	wantError(t, "close", db.Close(), nil)
	group.Wait()
	db = mustOpen(t, open)
	for g, want := range acknowledged {
		wantValues(t, db, store.Partition(g%2), []store.Key{key(strconv.Itoa(g))}, []byte(strconv.FormatInt(want, 10)))
	}
}

func checkContextDone(t *testing.T, open Open) {
	db := mustOpen(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Get(ctx, 0, key("a"))
	wantError(t, "get", err, context.Canceled)
	_, err = db.Scan(ctx, 0, "thing", "", 1)
	wantError(t, "scan", err, context.Canceled)
	err = db.Commit(ctx, 0, batch(func(b *store.Batch) { b.Put(key("a"), nil) }))
	wantError(t, "commit", err, context.Canceled)
	wantValues(t, db, 0, []store.Key{key("a")}, nil)
}

func checkContextCancelled(t *testing.T, open Open) {
	const rounds = 200
	db := mustOpen(t, open)
	for i := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			for range i { // now before the commit, now in the middle, now after it
				runtime.Gosched()
			}
			cancel()
		})
		written := []store.Key{key("put " + strconv.Itoa(i)), key("added " + strconv.Itoa(i))}
		err := db.Commit(ctx, 0, batch(func(b *store.Batch) {
			b.Put(written[0], []byte("1"))
			b.Add(written[1], 1)
		}))
		group.Wait()
		values := mustGet(t, db, 0, written...)
		put, added := values[0] != nil, values[1] != nil
		switch {
		case put != added:
			t.Errorf("round %d: half of a batch was applied", i)
		case errors.Is(err, store.ErrUnavailable):
			// Either is true.
		case err != nil && !errors.Is(err, context.Canceled):
			t.Errorf("round %d: %v", i, err)
		case put != (err == nil):
			t.Errorf("round %d: commit reported %v, but applied is %t", i, err, put)
		}
	}
}
