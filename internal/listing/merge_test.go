package listing_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// A counted store counts the entries that scans return.
type counted struct {
	store.DB
	entries chan int
}

func (c counted) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	entries, err := c.DB.Scan(ctx, p, collection, from, limit)
	c.entries <- len(entries)
	return entries, err
}

func open(t *testing.T) store.DB {
	t.Helper()
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func put(t fataler, db store.DB, ids ...string) {
	t.Helper()
	batches := map[store.Partition]*store.Batch{}
	for _, id := range ids {
		p := store.PartitionOf(id, db.Partitions())
		if batches[p] == nil {
			batches[p] = &store.Batch{}
		}
		batches[p].Put(store.Key{Collection: "things", ID: id}, []byte(id))
	}
	for p, b := range batches {
		if err := db.Commit(context.Background(), p, b); err != nil {
			t.Fatal(err)
		}
	}
}

func query(db store.DB, prefix string, page listing.Page) listing.Query[string] {
	return listing.Query[string]{
		DB: db, Partitions: listing.All(db), Collection: "things", Prefix: prefix, Page: page,
		Read: func(e store.Entry) (string, bool, error) { return e.ID, true, nil },
	}
}

// An entry that is there from the first page to the last is listed once, in
// order, whatever is inserted in between.
func TestPagesAreStableUnderInserts(t *testing.T) {
	db := open(t)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		prefix := fmt.Sprintf("r%d/", round)
		id := rapid.Custom(func(r *rapid.T) string {
			return prefix + rapid.StringMatching(`[a-d]{1,4}`).Draw(r, "id")
		})
		original := rapid.SliceOfDistinct(id, rapid.ID[string]).Draw(r, "original")
		put(r, db, original...)
		var listed []string
		for page := (listing.Page{Size: rapid.IntRange(1, 7).Draw(r, "size")}); ; {
			items, after, err := listing.List(t.Context(), query(db, prefix, page))
			if err != nil {
				r.Fatal(err)
			}
			listed = append(listed, items...)
			if after == "" {
				break
			}
			page.After = after
			put(r, db, rapid.SliceOfN(id, 0, 3).Draw(r, "inserted")...)
		}
		if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
			r.Fatalf("listed out of order or twice: %q", listed)
		}
		for _, id := range original {
			if !slices.Contains(listed, id) {
				r.Fatalf("%q was there all the time, and is not in %q", id, listed)
			}
		}
	})
}

// The cost of a page does not grow with the list.
func TestAPageLooksAtFewEntries(t *testing.T) {
	db := counted{DB: open(t), entries: make(chan int, 10_000)}
	for chunk := range 20 {
		ids := make([]string, 500)
		for i := range ids {
			ids[i] = fmt.Sprintf("x/%06d", chunk*500+i)
		}
		put(t, db, ids...)
	}
	items, after, err := listing.List(t.Context(), query(db, "x/", listing.Page{Size: 50}))
	if err != nil || len(items) != 50 || after == "" {
		t.Fatalf("%d items, after %q, %v; want 50 and a cursor", len(items), after, err)
	}
	close(db.entries)
	looked := 0
	for n := range db.entries {
		looked += n
	}
	if looked > 1000 {
		t.Errorf("a page of 50 among 10,000 looked at %d entries, want at most 1,000", looked)
	}
}

func TestAPageEndsAtTheBudget(t *testing.T) {
	db := open(t)
	ids := make([]string, 10_500)
	for i := range ids {
		ids[i] = fmt.Sprintf("y/%06d", i)
	}
	put(t, db, ids...)
	q := query(db, "y/", listing.Page{Size: 10})
	q.Read = func(e store.Entry) (string, bool, error) { return e.ID, e.ID == "y/010400", nil }
	items, after, err := listing.List(t.Context(), q)
	if err != nil || len(items) != 0 || after == "" {
		t.Fatalf("%q, after %q, %v; want an empty page and a cursor", items, after, err)
	}
	q.Page.After = after
	items, after, err = listing.List(t.Context(), q)
	if err != nil || len(items) != 1 || after != "" {
		t.Fatalf("%q, after %q, %v; want the one entry, and the end", items, after, err)
	}
}

// An answer fits into a message, however large its entries are.
func TestAPageEndsAtItsBytes(t *testing.T) {
	db := open(t)
	for _, id := range []string{"z/1", "z/2", "z/3", "z/4", "z/5"} {
		var b store.Batch
		b.Put(store.Key{Collection: "things", ID: id}, make([]byte, 1<<20))
		if err := db.Commit(t.Context(), store.PartitionOf(id, db.Partitions()), &b); err != nil {
			t.Fatal(err)
		}
	}
	var pages [][]string
	for q := query(db, "z/", listing.Page{Size: 10}); ; {
		items, after, err := listing.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, items)
		if q.Page.After = after; after == "" {
			break
		}
	}
	if got, want := fmt.Sprint(pages), "[[z/1 z/2] [z/3 z/4] [z/5]]"; got != want {
		t.Errorf("entries of 1 MiB come in the pages %s, want %s", got, want)
	}
}
