package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/store"
)

// A Factory prepares a new, empty place for a store of the engine under test, and returns how to open the
// store in it. What it needs to release, it leaves to t.Cleanup.
type Factory func(t *testing.T) Open

// Open opens the store in its place, and creates it the first time. After Close it opens the same
// store again. Partitions 0 creates a store of store.DefaultPartitions, or takes the existing one as it is;
// another number is the one to create, or to insist on.
type Open func(partitions int) (store.DB, error)

// A check tests one part of the contract on a place of its own.
type check struct {
	name string
	run  func(t *testing.T, open Open)
}

// Run runs the whole suite, each check in a fresh place.
func Run(t *testing.T, factory Factory) {
	t.Helper()
	for _, checks := range [][]check{keyChecks, scanChecks, commitChecks, counterChecks, allChecks, concurrencyChecks, lifecycleChecks, removeChecks, modelChecks} {
		for _, c := range checks {
			t.Run(c.name, func(t *testing.T) {
				c.run(t, factory(t))
			})
		}
	}
}

// mustOpen opens a store with the usual partitions, to be closed at the test's end.
func mustOpen(t *testing.T, open Open) store.DB {
	t.Helper()
	db, err := open(0)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// reopen closes a store and opens it again.
func reopen(t *testing.T, db store.DB, open Open) store.DB {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return mustOpen(t, open)
}

// key returns a key of the collection that most checks use.
func key(id string) store.Key { return store.Key{Collection: "thing", ID: id} }

// batch returns a batch that fill has filled.
func batch(fill func(b *store.Batch)) *store.Batch {
	var b store.Batch
	fill(&b)
	return &b
}

// mustCommit commits what fill puts in a batch.
func mustCommit(t *testing.T, db store.DB, p store.Partition, fill func(b *store.Batch)) {
	t.Helper()
	if err := db.Commit(t.Context(), p, batch(fill)); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// mustGet returns the values of keys.
func mustGet(t *testing.T, db store.DB, p store.Partition, keys ...store.Key) [][]byte {
	t.Helper()
	values, err := db.Get(t.Context(), p, keys...)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	if len(values) != len(keys) {
		t.Fatalf("get of %d keys returned %d values", len(keys), len(values))
	}
	return values
}

// mustScan returns the entries of a collection from a key on.
func mustScan(t *testing.T, db store.DB, p store.Partition, from store.Key, limit int) []store.Entry {
	t.Helper()
	entries, err := db.Scan(t.Context(), p, from.Collection, from.ID, limit)
	if err != nil {
		t.Fatalf("scan from %q: %v", from, err)
	}
	return entries
}

// wantValues fails unless keys have values; nil stands for an absent one.
func wantValues(t *testing.T, db store.DB, p store.Partition, keys []store.Key, want ...[]byte) {
	t.Helper()
	// cmp tells a nil slice from an empty one, and so do we.
	if diff := cmp.Diff(want, mustGet(t, db, p, keys...)); diff != "" {
		t.Errorf("values of %v (-want +got):\n%s", keys, diff)
	}
}

// wantEntries fails unless two lists of entries are the same.
func wantEntries(t *testing.T, what string, got, want []store.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantError fails unless err wraps want.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// entriesOf returns an entry for each id, with the id as its value.
func entriesOf(ids ...string) []store.Entry {
	entries := make([]store.Entry, len(ids))
	for i, id := range ids {
		entries[i] = store.Entry{ID: id, Value: []byte(id)}
	}
	return entries
}

// numbered returns n ids whose byte order is that of their numbers.
func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%06d", i)
	}
	return ids
}
