package pebblestore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// What is marked already need not be written again, and is not durable for that.
func TestE2_AMarkIsNotAnsweredBeforeItIsDurable(t *testing.T) {
	d := newDisk()
	db := d.open(t)
	release := d.hold()
	defer release()
	first := make(chan error, 1)
	go func() { first <- db.Commit(context.Background(), 0, putOf(thing("mark"), "")) }()
	waitUntilPending(t, db, 0, thing("mark"))
	for _, ask := range []func(ctx context.Context) error{
		func(ctx context.Context) error { return db.Commit(ctx, 0, putOf(thing("mark"), "")) },
		func(ctx context.Context) error { return get(ctx, db, 0, thing("mark")) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it was answered (%v) although the mark is not durable", err)
		}
		cancel()
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := db.Commit(t.Context(), 0, putOf(thing("mark"), "")); err != nil {
		t.Error(err)
	}
}

// TestE2_ManyCommitsShareAFate holds back, and then breaks, the sync of commits that go together: none is answered before it, in
// whichever place it stands, and none is acknowledged after it has failed.
func TestE2_ManyCommitsShareAFate(t *testing.T) {
	const n = 20 // more than share a batch of Pebble's
	for name, failure := range map[string]error{"durable": nil, "the disk breaks": errors.New("the disk is broken")} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			db := d.open(t)
			release := d.hold()
			defer release()
			parts := make([]store.Part, n)
			for i := range parts {
				parts[i] = store.Part{Partition: store.Partition(i), Batch: putOf(thing("a"), "1")}
			}
			all := make(chan []error, 1)
			go func() { all <- db.CommitAll(context.Background(), parts) }()
			for p := range store.Partition(n) {
				waitUntilPending(t, db, p, thing("a"))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				if err := get(ctx, db, p, thing("a")); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("partition %d was answered (%v) although the commit is not durable", p, err)
				}
				cancel()
			}
			if failure != nil {
				d.breakdown(failure, nil)
			}
			release()
			for p, err := range <-all {
				if failure == nil && err != nil || failure != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("partition %d: %v", p, err)
				}
			}
			_ = db.Close() // ends, with an error or without
		})
	}
}

// TestE2_NothingIsAnsweredBeforeItIsDurable holds back the sync of a commit, and looks for any way to learn of
// the commit.
func TestE2_NothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	d := newDisk()
	db := d.open(t)
	if err := db.Commit(t.Context(), 0, putOf(thing("word"), "x")); err != nil {
		t.Fatal(err)
	}
	release := d.hold()
	defer release()
	first := make(chan error, 1)
	go func() { first <- db.Commit(context.Background(), 0, putOf(thing("a"), "1")) }()
	waitUntilPending(t, db, 0, thing("a"))

	requireAbsent := &store.Batch{}
	requireAbsent.RequireAbsent(thing("a"))
	holds := &store.Batch{}
	holds.Require(thing("a"), []byte("1"))
	addToWord := &store.Batch{}
	addToWord.Add(thing("word"), 1)
	for name, ask := range map[string]func(ctx context.Context) error{
		"a get of it":             func(ctx context.Context) error { return get(ctx, db, 0, thing("a")) },
		"a get beside it":         func(ctx context.Context) error { return get(ctx, db, 0, thing("word")) },
		"a scan":                  func(ctx context.Context) error { return scan(ctx, db, 0) },
		"a conflict with it":      func(ctx context.Context) error { return db.Commit(ctx, 0, requireAbsent) },
		"a condition that it met": func(ctx context.Context) error { return db.Commit(ctx, 0, holds) },
		"an add that fails":       func(ctx context.Context) error { return db.Commit(ctx, 0, addToWord) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s was answered (%v) although the commit is not durable", name, err)
		}
		cancel()
	}
	if err := get(t.Context(), db, 1, thing("a")); err != nil {
		t.Errorf("another partition waits: %v", err)
	}

	second := make(chan error, 1)
	go func() {
		b := putOf(thing("b"), "2")
		b.Require(thing("a"), []byte("1"))
		second <- db.Commit(context.Background(), 0, b)
	}()
	select {
	case err := <-first:
		t.Errorf("the commit was acknowledged (%v) before its sync", err)
	case err := <-second:
		t.Errorf("a commit that builds on it was acknowledged (%v) before its sync", err)
	default:
	}
	values, err := d.afterCrash(t, vfs.CrashCloneCfg{}).Get(t.Context(), 0, thing("a"), thing("word"))
	if err != nil || values[0] != nil || string(values[1]) != "x" {
		t.Errorf("after a crash: %q, %v; the sync was not held", values, err)
	}

	release()
	if err := errors.Join(<-first, <-second); err != nil {
		t.Errorf("after the sync: %v", err)
	}
	if err := db.Commit(t.Context(), 0, requireAbsent); !errors.Is(err, store.ErrConflict) {
		t.Errorf("after the sync: got %v, want a conflict", err)
	}
}

// waitUntilPending waits until a commit of key has been handed to Pebble, which is when a Get has to wait for it.
func waitUntilPending(t *testing.T, db *pebblestore.DB, p store.Partition, key store.Key) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		values, err := db.Get(ctx, p, key)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return
		case err != nil:
			t.Fatalf("get: %v", err)
		case values[0] != nil:
			t.Fatalf("read %q, which is not durable", values[0])
		}
		runtime.Gosched()
	}
}

func get(ctx context.Context, db *pebblestore.DB, p store.Partition, key store.Key) error {
	_, err := db.Get(ctx, p, key)
	return err
}

func scan(ctx context.Context, db *pebblestore.DB, p store.Partition) error {
	_, err := db.Scan(ctx, p, "thing", "", 10)
	return err
}

// TestE2_CrashKeepsWhatWasAnswered cuts the power at many moments of a busy store, and finds all that was
// acknowledged, and all that was read, in what is left.
func TestE2_CrashKeepsWhatWasAnswered(t *testing.T) {
	const crashes, writers, partitions = 25, 8, 2
	d := newDisk()
	db := d.open(t)
	var mu sync.Mutex
	answered := make([]int, partitions) // how many commits each partition was said to have
	answer := func(p, n int) {
		mu.Lock()
		defer mu.Unlock()
		answered[p] = max(answered[p], n)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			p := w % partitions
			for i := 0; ctx.Err() == nil; i++ {
				b := putOf(store.Key{Collection: "done", ID: fmt.Sprintf("%d/%d", w, i)}, "x")
				b.Add(thing("count"), 1)
				if err := db.Commit(context.Background(), store.Partition(p), b); err != nil {
					t.Errorf("commit: %v", err)
					return
				}
				if w < partitions { // the only one to count acknowledgements there
					answer(p, i+1)
				}
			}
		})
		group.Go(func() {
			p := w % partitions
			for ctx.Err() == nil {
				values, err := db.Get(context.Background(), store.Partition(p), thing("count"))
				if err != nil {
					t.Errorf("get: %v", err)
					return
				}
				n, _ := strconv.Atoi(string(values[0])) // 0 when it is absent
				answer(p, n)
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	lefts := make([]*vfs.MemFS, crashes)
	wants := make([][]int, crashes)
	for crash := range crashes {
		for {
			mu.Lock()
			want := slices.Clone(answered)
			mu.Unlock()
			if crash == 0 && min(want[0], want[1]) > 0 || crash > 0 && want[0]+want[1] > wants[crash-1][0]+wants[crash-1][1]+5 {
				wants[crash] = want
				break
			}
			runtime.Gosched()
		}
		// What was not synced may be lost, whole or in parts.
		lefts[crash] = d.memory.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: crash % 5 * 25, RNG: r})
	}
	stop()
	group.Wait()

	for crash, left := range lefts {
		db := openOn(t, left)
		for p, want := range wants[crash] {
			count, err := db.Get(t.Context(), store.Partition(p), thing("count"))
			if err != nil {
				t.Fatal(err)
			}
			n, _ := strconv.Atoi(string(count[0]))
			if n < want {
				t.Errorf("crash %d: partition %d has %d commits left of %d that were acknowledged or read", crash, p, n, want)
			}
			done, err := db.Scan(t.Context(), store.Partition(p), "done", "", 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if len(done) != n {
				t.Errorf("crash %d: partition %d has %d puts of %d commits", crash, p, len(done), n)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
