package pebblestore

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
)

// What a partition remembers is bounded, whatever becomes of large batches.
func TestMemoryIsBounded(t *testing.T) {
	db, err := Open("data", Options{FS: vfs.NewMem(), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(id string) store.Key { return store.Key{Collection: "count", ID: id} }
	commit := func(adds, marks int, name string, delta int64) error {
		var b store.Batch
		for i := range adds {
			b.Add(count(fmt.Sprint(name, i)), 1)
		}
		for i := range marks {
			b.Put(store.Key{Collection: "mark", ID: fmt.Sprint(name, i)}, nil)
		}
		b.Add(count("full"), delta)
		return db.Commit(t.Context(), 0, &b)
	}
	if err := commit(1, 0, "first", math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := commit(3*remembered, 3*remembered, fmt.Sprint("large", i), -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := commit(0, 0, "", 5); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := commit(3*remembered, 3*remembered, fmt.Sprint("refused", i), 1); !errors.Is(err, store.ErrOverflow) {
			t.Fatalf("a batch that overflows: %v", err)
		}
	}
	for i := range 20 {
		if err := commit(100, 100, fmt.Sprint("small", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range db.partitions[0].memory.collections {
		if len(c.cells) > remembered {
			t.Errorf("%d keys of %s are remembered, want at most %d", len(c.cells), c.name, remembered)
		}
	}
}
