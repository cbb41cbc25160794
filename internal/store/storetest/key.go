package storetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var keyChecks = []check{
	{"keys are compared byte for byte", checkKeysByteExact},
	{"values are any bytes of any length", checkValues},
	{"an absent key is nil, an empty value is not", checkAbsentAndEmpty},
	{"10,000 keys are read at once", checkManyKeys},
	{"the caller owns what it got", checkOwnership},
	{"collections that begin alike are apart", checkCollectionsApart},
	{"partitions are apart", checkPartitionsApart},
	{"a malformed collection is refused", checkMalformedCollections},
	{"a partition out of range is refused", checkPartitionBounds},
}

// awkward are ids that an engine could mistake for each other, or for something else.
var awkward = []string{
	"", " ", "  ", "a", "A", "aa", "ab", "a ", " a", "b", "B",
	"\x00", "\x00\x00", "a\x00", "a\x00b", "a\x01", "\n", "a\r\n", "\t",
	":", "{", "}", "{}", "{0}", "{a}", "|", "/", "a/b", "a|b", "a:b", ":{}|/",
	"*", "?", "[a]", "%s", "%00", `\`, `"`, "'", "$1", "--", "-inf", "+inf", "(a", "[", "+", "-", "nil", "0", "00", "-0", "1",
	"\u00e9", "e\u0301", "\u212b", "\u00c5", "日本", "ß", "ẞ", "ss", "\ufeff", "\u200b", "🎉",
	"\x7f", "\x80", "\xc3", "\xff", "\xff\xff", "\xff\x00", "a\xff", "a\xffb", "\xed\xa0\x80",
	strings.Repeat("k", 1023), strings.Repeat("k", 1024), strings.Repeat("\xff", 1024), strings.Repeat("\x00", 1024),
}

func checkKeysByteExact(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 3, func(b *store.Batch) {
		for _, id := range awkward {
			b.RequireAbsent(key(id))
			b.Put(key(id), []byte(id))
		}
	})
	sorted := slices.Sorted(slices.Values(awkward))
	for _, id := range awkward {
		if got := mustGet(t, db, 3, key(id))[0]; got == nil || string(got) != id {
			t.Errorf("key %q holds %q (nil: %t), want its own id", id, got, got == nil)
		}
	}
	wantEntries(t, "scan of all ids, in byte order", mustScan(t, db, 3, key(""), len(awkward)+1), entriesOf(sorted...))
	for i, id := range sorted {
		wantEntries(t, "first entry from "+id, mustScan(t, db, 3, key(id), 1), entriesOf(id))
		if i+1 < len(sorted) {
			wantEntries(t, "first entry after "+id, mustScan(t, db, 3, key(id+"\x00"), 1), entriesOf(sorted[i+1]))
		}
	}
	for i, id := range sorted {
		mustCommit(t, db, 3, func(b *store.Batch) {
			b.Require(key(id), []byte(id))
			b.Delete(key(id))
		})
		if i%8 == 0 {
			wantEntries(t, "what is left after "+id, mustScan(t, db, 3, key(""), len(awkward)), entriesOf(sorted[i+1:]...))
		}
	}
}

func checkValues(t *testing.T, open Open) {
	db := mustOpen(t, open)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, value := range map[string][]byte{
		"zero":     {0},
		"newline":  []byte("a\r\nb\n"),
		"every":    every,
		"invalid":  []byte("\xff\xfe\xc3"),
		"mebibyte": bytes.Repeat(every, 1<<20/len(every)),
	} {
		mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key(name), value) })
		if got := mustGet(t, db, 0, key(name))[0]; !bytes.Equal(got, value) {
			t.Errorf("value %q: got %d bytes that differ from the %d put", name, len(got), len(value))
		}
		if got := mustScan(t, db, 0, key(name), 1); len(got) != 1 || !bytes.Equal(got[0].Value, value) {
			t.Errorf("value %q: scan found another one", name)
		}
		mustCommit(t, db, 0, func(b *store.Batch) {
			b.Require(key(name), value)
			b.Put(key(name), value[1:])
		})
		err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) { b.Require(key(name), value) }))
		wantError(t, "value "+name+" required as it was before", err, store.ErrConflict)
	}
}

func checkAbsentAndEmpty(t *testing.T, open Open) {
	db := mustOpen(t, open)
	keys := []store.Key{key("empty"), key("nil"), key("absent"), key("full")}
	wantValues(t, db, 0, keys, nil, nil, nil, nil)
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Put(key("empty"), []byte{})
		b.Put(key("nil"), nil)
		b.Put(key("full"), []byte("x"))
	})
	wantValues(t, db, 0, keys, []byte{}, []byte{}, nil, []byte("x"))
	wantValues(t, db, 0, keys[:1], []byte{})
	wantEntries(t, "scan", mustScan(t, db, 0, key(""), 9), []store.Entry{
		{ID: "empty", Value: []byte{}}, {ID: "full", Value: []byte("x")}, {ID: "nil", Value: []byte{}},
	})
	for _, e := range mustScan(t, db, 0, key(""), 9) {
		if e.Value == nil {
			t.Errorf("scan returned a nil value for %q", e.ID)
		}
	}
	if got := mustGet(t, db, 0); len(got) != 0 {
		t.Errorf("get of no keys returned %d values", len(got))
	}
}

func checkManyKeys(t *testing.T, open Open) {
	const n = 10_000
	db := mustOpen(t, open)
	ids := numbered(n)
	mustCommit(t, db, 1, func(b *store.Batch) {
		for i := 0; i < n; i += 2 {
			b.Put(key(ids[i]), []byte(ids[i]))
		}
	})
	// Out of order, every other one absent, and each named twice.
	keys := make([]store.Key, 0, 2*n)
	for i := range 2 * n {
		keys = append(keys, key(ids[i*7919%n]))
	}
	for i, value := range mustGet(t, db, 1, keys...) {
		present := i*7919%n%2 == 0
		if (value != nil) != present || present && string(value) != keys[i].ID {
			t.Fatalf("key %d of %d, %q: got %q (nil: %t), want present: %t", i, len(keys), keys[i].ID, value, value == nil, present)
		}
	}
}

func checkOwnership(t *testing.T, open Open) {
	db := mustOpen(t, open)
	put := []byte("value")
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Put(key("a"), put)
		b.Put(key("b"), put)
	})
	copy(put, "XXXXX")
	first := mustGet(t, db, 0, key("a"), key("b"), key("a"))
	for i := range first {
		copy(first[i], "YYYYY")
		_ = append(first[i], "and what lies behind it"...)
		if i+1 < len(first) && string(first[i+1]) != "value" {
			t.Errorf("writing to value %d changed the next one to %q", i, first[i+1])
		}
	}
	entries := mustScan(t, db, 0, key(""), 9)
	for i := range entries {
		copy(entries[i].Value, "ZZZZZ")
	}
	wantValues(t, db, 0, []store.Key{key("a"), key("b")}, []byte("value"), []byte("value"))
}

func checkCollectionsApart(t *testing.T, open Open) {
	db := mustOpen(t, open)
	collections := []string{"p", "pl", "plan", "plan_", "plan_event", "plan_events", "plana", "_", "__", "z", "thing"}
	ids := []string{"", "_event", "s", "\x00", "\xff", "\xff\xff"}
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, c := range collections {
			for _, id := range ids {
				b.Put(store.Key{Collection: c, ID: id}, []byte(c+"="+id))
			}
		}
	})
	for _, c := range collections {
		var want []store.Entry
		for _, id := range slices.Sorted(slices.Values(ids)) {
			want = append(want, store.Entry{ID: id, Value: []byte(c + "=" + id)})
			wantValues(t, db, 0, []store.Key{{Collection: c, ID: id}}, []byte(c+"="+id))
		}
		wantEntries(t, "scan of "+c, mustScan(t, db, 0, store.Key{Collection: c}, 99), want)
		wantEntries(t, "scan of "+c+" from its last id", mustScan(t, db, 0, store.Key{Collection: c, ID: "\xff\xff"}, 99), want[len(want)-1:])
	}
	wantEntries(t, "scan of a collection without entries", mustScan(t, db, 0, store.Key{Collection: "pla"}, 99), nil)
}

func checkPartitionsApart(t *testing.T, open Open) {
	db := mustOpen(t, open)
	ids := []string{"", "a", "\xff"}
	for p := range db.Partitions() {
		mustCommit(t, db, store.Partition(p), func(b *store.Batch) {
			for _, id := range ids {
				b.RequireAbsent(key(id))
				b.Put(key(id), []byte{byte(p), byte(p >> 8)})
			}
			b.Add(key("counter"), int64(p))
		})
	}
	mustCommit(t, db, 1, func(b *store.Batch) { b.Delete(key("a")) })
	for p := range db.Partitions() {
		want := 4
		if p == 1 {
			want = 3
		}
		entries := mustScan(t, db, store.Partition(p), key(""), 99)
		if len(entries) != want {
			t.Errorf("partition %d holds %d entries, want %d", p, len(entries), want)
		}
		if got := mustGet(t, db, store.Partition(p), key(""))[0]; !bytes.Equal(got, []byte{byte(p), byte(p >> 8)}) {
			t.Errorf("partition %d holds the value of another: %v", p, got)
		}
	}
}

func checkMalformedCollections(t *testing.T, open Open) {
	db := mustOpen(t, open)
	for _, collection := range []string{"", "Plan", "plan1", "plan-event", "plan event", "plan\x00", "plän", ":", "{a}"} {
		bad := store.Key{Collection: collection, ID: "x"}
		_, err := db.Get(t.Context(), 0, key("a"), bad)
		wantError(t, "get from "+collection, err, store.ErrInvalid)
		_, err = db.Scan(t.Context(), 0, collection, "", 1)
		wantError(t, "scan of "+collection, err, store.ErrInvalid)
		for name, fill := range map[string]func(b *store.Batch){
			"put":     func(b *store.Batch) { b.Put(bad, nil) },
			"delete":  func(b *store.Batch) { b.Delete(bad) },
			"add":     func(b *store.Batch) { b.Add(bad, 1) },
			"require": func(b *store.Batch) { b.RequireAbsent(bad) },
		} {
			err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
				b.Put(key("a"), nil)
				fill(b)
			}))
			wantError(t, name+" to "+collection, err, store.ErrInvalid)
		}
	}
	wantValues(t, db, 0, []store.Key{key("a")}, nil)
}

func checkPartitionBounds(t *testing.T, open Open) {
	db := mustOpen(t, open)
	if db.Partitions() != store.DefaultPartitions {
		t.Errorf("the store has %d partitions, want the default of %d", db.Partitions(), store.DefaultPartitions)
	}
	for _, p := range []store.Partition{store.Partition(db.Partitions()), 1<<16 - 1} {
		_, err := db.Get(t.Context(), p, key("a"))
		wantError(t, "get", err, store.ErrInvalid)
		_, err = db.Scan(t.Context(), p, "thing", "", 1)
		wantError(t, "scan", err, store.ErrInvalid)
		err = db.Commit(t.Context(), p, batch(func(b *store.Batch) { b.Put(key("a"), nil) }))
		wantError(t, "commit", err, store.ErrInvalid)
		wantError(t, "commit of an empty batch", db.Commit(t.Context(), p, &store.Batch{}), store.ErrInvalid)
	}
}
