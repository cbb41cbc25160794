package pebblestore

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
)

// TestPanicOfPebble makes Pebble panic while it is handed a batch, as it does when its log failed.
func TestPanicOfPebble(t *testing.T) {
	db, err := Open("data", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(store.Key{Collection: "thing", ID: "a"}, nil)
	built, _, err := db.buildAll([]store.Part{{Batch: &b}}, make([]verdict, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.pebble.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.hand(built); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("handing over a batch: got %v, want unavailable", err)
		}
	}
	if _, err := db.Get(t.Context(), 0, store.Key{Collection: "thing", ID: "a"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("get: got %v, want unavailable", err)
	}
	if err := db.Commit(t.Context(), 0, &b); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("commit: got %v, want unavailable", err)
	}
	// Pebble would panic again, or wait for a lock that it left locked.
	if err := db.Close(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("close: got %v, want unavailable", err)
	}
}

// TestPanicAmongManyCommits makes the last of many commits panic, and looks for locks and waits that the others left.
func TestPanicAmongManyCommits(t *testing.T) {
	db, err := Open("data", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	thing := store.Key{Collection: "thing", ID: "a"}
	var b store.Batch
	b.Put(thing, []byte("v"))
	const n = mostTogether + 2
	parts := make([]store.Part, n)
	for i := range n - 1 {
		parts[i] = store.Part{Partition: store.Partition(i), Batch: &b}
	}
	parts[n-1].Partition = n - 1 // and no batch
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a commit of no batch does not panic")
			}
		}()
		db.CommitAll(t.Context(), parts)
	}()
	for p := range store.Partition(n) {
		values, err := db.Get(t.Context(), p, thing)
		if err != nil || (values[0] != nil) != (p < mostTogether) {
			t.Errorf("partition %d holds %q, %v", p, values, err)
		}
		if err := db.Commit(t.Context(), p, &b); err != nil {
			t.Errorf("partition %d: a commit after the panic: %v", p, err)
		}
	}
}
