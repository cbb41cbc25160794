package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/store"
)

var scanChecks = []check{
	{"scan starts at an id and ends at a limit", checkScanBounds},
	{"pages of a scan are the whole", checkScanPages},
	{"scan shows what is there now", checkScanChanges},
	{"collections are those that hold anything", checkCollections},
}

func checkCollections(t *testing.T, open Open) {
	db := mustOpen(t, open)
	want := func(p store.Partition, want ...string) {
		t.Helper()
		got, err := db.Collections(t.Context(), p)
		if err != nil {
			t.Fatalf("collections of partition %d: %v", p, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("collections of partition %d (-want +got):\n%s", p, diff)
		}
	}
	want(3)
	mustCommit(t, db, 3, func(b *store.Batch) {
		b.Put(store.Key{Collection: "b", ID: ""}, nil)
		b.Put(store.Key{Collection: "a_long_name", ID: "\x00"}, nil)
		b.Put(store.Key{Collection: "a", ID: "\xff\xff"}, nil)
		b.Add(store.Key{Collection: "counter", ID: "n"}, 1)
		for _, id := range numbered(300) {
			b.Put(store.Key{Collection: "many", ID: id}, nil)
		}
	})
	mustCommit(t, db, 4, func(b *store.Batch) { b.Put(store.Key{Collection: "elsewhere", ID: "x"}, nil) })
	want(2)
	want(3, "a", "a_long_name", "b", "counter", "many")
	want(4, "elsewhere")
	mustCommit(t, db, 3, func(b *store.Batch) {
		b.Delete(store.Key{Collection: "b", ID: ""})
		b.Delete(store.Key{Collection: "counter", ID: "n"})
	})
	want(3, "a", "a_long_name", "many")
	_, err := db.Collections(t.Context(), store.Partition(db.Partitions()))
	wantError(t, "collections of a partition that there is not", err, store.ErrInvalid)
}

func checkScanBounds(t *testing.T, open Open) {
	db := mustOpen(t, open)
	wantEntries(t, "scan of an empty partition", mustScan(t, db, 0, key(""), 10), nil)
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, id := range []string{"c", "a", "e"} {
			b.Put(key(id), []byte(id))
		}
	})
	for _, test := range []struct {
		name, from string
		limit      int
		want       []string
	}{
		{"all", "", 10, []string{"a", "c", "e"}},
		{"exactly as many as there are", "", 3, []string{"a", "c", "e"}},
		{"a limit", "", 2, []string{"a", "c"}},
		{"limit 0", "", 0, nil},
		{"a limit below 0", "", -1, nil},
		{"limit 0 from an id", "c", 0, nil},
		{"from an id that is there", "c", 10, []string{"c", "e"}},
		{"from between two ids", "b", 10, []string{"c", "e"}},
		{"from right after an id", "c\x00", 10, []string{"e"}},
		{"from below all", "\x00", 10, []string{"a", "c", "e"}},
		{"from above all", "f", 10, nil},
		{"from far above all", "\xff\xff", 10, nil},
		{"from and limit", "b", 1, []string{"c"}},
		{"a huge limit", "", 1 << 30, []string{"a", "c", "e"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantEntries(t, "entries", mustScan(t, db, 0, key(test.from), test.limit), entriesOf(test.want...))
		})
	}
}

func checkScanPages(t *testing.T, open Open) {
	const n = 1_000
	db := mustOpen(t, open)
	ids := numbered(n)
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, id := range ids {
			b.Put(key(id), []byte(id))
		}
	})
	for _, size := range []int{1, 7, 100, n - 1, n, n + 1} {
		var all []store.Entry
		for from := ""; ; {
			page := mustScan(t, db, 0, key(from), size)
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
			from = page[len(page)-1].ID + "\x00"
		}
		wantEntries(t, "all pages", all, entriesOf(ids...))
	}
}

func checkScanChanges(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Put(key("a"), []byte("1"))
		b.Put(key("b"), []byte("1"))
		b.Add(key("c"), 1)
	})
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Delete(key("a"))
		b.Delete(key("never there"))
		b.Put(key("b"), []byte("2"))
		b.Add(key("c"), 1)
		b.Put(key("d"), nil)
		b.Delete(key("d"))
	})
	want := []store.Entry{{ID: "b", Value: []byte("2")}, {ID: "c", Value: []byte("2")}}
	wantEntries(t, "after changes", mustScan(t, db, 0, key(""), 10), want)
	mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), []byte("3")) })
	want = append([]store.Entry{{ID: "a", Value: []byte("3")}}, want...)
	wantEntries(t, "after putting what was deleted", mustScan(t, db, 0, key(""), 10), want)
}
