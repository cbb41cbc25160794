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
	built, err := db.build(0, &b)
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
