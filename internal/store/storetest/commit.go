package storetest

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var commitChecks = []check{
	{"conditions", checkConditions},
	{"a conflict applies nothing", checkConflictAppliesNothing},
	{"writes take effect in order", checkOrder},
	{"a batch without writes checks its conditions", checkNoWrites},
	{"a batch can be committed again", checkCommitAgain},
	{"a batch of 10,000 writes", checkBigBatch},
}

func checkConditions(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Put(key("value"), []byte("v"))
		b.Put(key("empty"), nil)
		b.Add(key("counter"), 7)
	})
	for _, test := range []struct {
		name  string
		key   string
		value []byte
		want  error
	}{
		{"the value that is there", "value", []byte("v"), nil},
		{"another value", "value", []byte("w"), store.ErrConflict},
		{"the beginning of the value", "value", []byte{}, store.ErrConflict},
		{"more than the value", "value", []byte("v "), store.ErrConflict},
		{"absent, and there is a value", "value", nil, store.ErrConflict},
		{"absent, and it is", "absent", nil, nil},
		{"a value, and there is none", "absent", []byte("v"), store.ErrConflict},
		{"an empty value, and there is none", "absent", []byte{}, store.ErrConflict},
		{"an empty value, and there is one", "empty", []byte{}, nil},
		{"absent, and there is an empty value", "empty", nil, store.ErrConflict},
		{"what a counter holds", "counter", []byte("7"), nil},
		{"a number that a counter does not hold", "counter", []byte("8"), store.ErrConflict},
		{"a counter's number written otherwise", "counter", []byte("07"), store.ErrConflict},
		{"absent, and there is a counter", "counter", nil, store.ErrConflict},
		{"an id in other case", "Value", []byte("v"), store.ErrConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := key("done " + test.name)
			err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
				b.Put(done, []byte("yes")) // conditions come first, wherever they stand
				b.Require(key(test.key), test.value)
			}))
			wantError(t, "commit", err, test.want)
			if test.want == nil {
				wantValues(t, db, 0, []store.Key{done}, []byte("yes"))
			} else {
				wantValues(t, db, 0, []store.Key{done}, nil)
			}
		})
	}
}

func checkConflictAppliesNothing(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Put(key("put"), []byte("old"))
		b.Put(key("deleted"), []byte("old"))
		b.Add(key("counter"), 5)
	})
	everything := func(b *store.Batch) {
		b.Put(key("put"), []byte("new"))
		b.Put(key("created"), []byte("new"))
		b.Delete(key("deleted"))
		b.Add(key("counter"), 1)
		b.Add(key("new counter"), 1)
	}
	for name, fill := range map[string]func(b *store.Batch){
		"the last of several conditions": func(b *store.Batch) {
			b.Require(key("put"), []byte("old"))
			b.RequireAbsent(key("created"))
			b.Require(key("counter"), []byte("6"))
		},
		// The state before the batch counts, not what the batch makes of it.
		"what the batch itself writes": func(b *store.Batch) { b.Require(key("put"), []byte("new")) },
		"what the batch itself creates": func(b *store.Batch) {
			b.Require(key("created"), []byte("new"))
		},
		"contradicting conditions": func(b *store.Batch) {
			b.Require(key("put"), []byte("old"))
			b.RequireAbsent(key("put"))
		},
	} {
		wantError(t, name, db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
			everything(b)
			fill(b)
		})), store.ErrConflict)
	}
	wantEntries(t, "after conflicts", mustScan(t, db, 0, key(""), 10), []store.Entry{
		{ID: "counter", Value: []byte("5")}, {ID: "deleted", Value: []byte("old")}, {ID: "put", Value: []byte("old")},
	})
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Require(key("put"), []byte("old"))
		b.Require(key("put"), []byte("old"))
		b.RequireAbsent(key("created"))
		everything(b)
	})
	wantEntries(t, "after a commit", mustScan(t, db, 0, key(""), 10), []store.Entry{
		{ID: "counter", Value: []byte("6")},
		{ID: "created", Value: []byte("new")},
		{ID: "new counter", Value: []byte("1")},
		{ID: "put", Value: []byte("new")},
	})
}

// An op is a write to the key of checkOrder.
type op func(b *store.Batch)

func opPut(value string) op { return func(b *store.Batch) { b.Put(key("k"), []byte(value)) } }
func opAdd(n int64) op      { return func(b *store.Batch) { b.Add(key("k"), n) } }
func opDelete(b *store.Batch) {
	b.Delete(key("k"))
}

func checkOrder(t *testing.T, open Open) {
	db := mustOpen(t, open)
	old := []byte("10")
	for _, test := range []struct {
		name   string
		before []byte
		ops    []op
		want   []byte
	}{
		{"put, put", nil, []op{opPut("1"), opPut("2")}, []byte("2")},
		{"put, delete", nil, []op{opPut("1"), opDelete}, nil},
		{"put, delete of one that was there", old, []op{opPut("1"), opDelete}, nil},
		{"delete, put", old, []op{opDelete, opPut("1")}, []byte("1")},
		{"delete, delete", old, []op{opDelete, opDelete}, nil},
		{"put, add", old, []op{opPut("5"), opAdd(3)}, []byte("8")},
		{"add, put", old, []op{opAdd(3), opPut("5")}, []byte("5")},
		{"add, put, add", old, []op{opAdd(3), opPut("5"), opAdd(1)}, []byte("6")},
		{"add, delete", old, []op{opAdd(3), opDelete}, nil},
		{"delete, add", old, []op{opDelete, opAdd(3)}, []byte("3")},
		{"add, delete, add", old, []op{opAdd(3), opDelete, opAdd(4)}, []byte("4")},
		{"put, delete, add", old, []op{opPut("5"), opDelete, opAdd(-4)}, []byte("-4")},
		{"add, add, put, add, add", nil, []op{opAdd(1), opAdd(2), opPut("5"), opAdd(1), opAdd(2)}, []byte("8")},
		{"put of no number over an add", old, []op{opAdd(3), opPut("x")}, []byte("x")},
		{"put of a number over none, add", []byte("x"), []op{opPut("5"), opAdd(3)}, []byte("8")},
		{"delete of no number, add", []byte("x"), []op{opDelete, opAdd(3)}, []byte("3")},
	} {
		// The second time, the engine has met the key before.
		for _, round := range []string{"", ", again"} {
			t.Run(test.name+round, func(t *testing.T) {
				mustCommit(t, db, 0, func(b *store.Batch) {
					b.Delete(key("k"))
					if test.before != nil {
						b.Put(key("k"), test.before)
					}
				})
				mustCommit(t, db, 0, func(b *store.Batch) {
					b.Put(key("another"), []byte("x"))
					for _, op := range test.ops {
						op(b)
					}
				})
				wantValues(t, db, 0, []store.Key{key("k"), key("another")}, test.want, []byte("x"))
			})
		}
	}
}

func checkNoWrites(t *testing.T, open Open) {
	db := mustOpen(t, open)
	wantError(t, "the empty batch", db.Commit(t.Context(), 0, &store.Batch{}), nil)
	absent := batch(func(b *store.Batch) { b.RequireAbsent(key("a")) })
	wantError(t, "a condition that holds", db.Commit(t.Context(), 0, absent), nil)
	mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("a"), []byte("1")) })
	wantError(t, "a condition that no longer holds", db.Commit(t.Context(), 0, absent), store.ErrConflict)
	wantEntries(t, "what is stored", mustScan(t, db, 0, key(""), 10), []store.Entry{{ID: "a", Value: []byte("1")}})
}

func checkCommitAgain(t *testing.T, open Open) {
	db := mustOpen(t, open)
	b := batch(func(b *store.Batch) {
		b.Put(key("a"), []byte("1"))
		b.Add(key("n"), 2)
	})
	for range 3 {
		wantError(t, "commit", db.Commit(t.Context(), 0, b), nil)
	}
	wantError(t, "commit to another partition", db.Commit(t.Context(), 1, b), nil)
	wantValues(t, db, 0, []store.Key{key("a"), key("n")}, []byte("1"), []byte("6"))
	wantValues(t, db, 1, []store.Key{key("a"), key("n")}, []byte("1"), []byte("2"))
	b.Reset()
	b.Add(key("n"), 1)
	wantError(t, "commit after a reset", db.Commit(t.Context(), 0, b), nil)
	wantValues(t, db, 0, []store.Key{key("a"), key("n")}, []byte("1"), []byte("7"))
}

func checkBigBatch(t *testing.T, open Open) {
	const n = 10_000
	db := mustOpen(t, open)
	ids := numbered(n)
	fill := func(b *store.Batch) {
		for i, id := range ids {
			b.RequireAbsent(key(id))
			b.Put(key(id), []byte(id))
			b.Add(key("sum"), int64(i))
		}
	}
	mustCommit(t, db, 0, fill)
	wantEntries(t, "what was put", mustScan(t, db, 0, key(""), n), entriesOf(ids...))
	wantValues(t, db, 0, []store.Key{key("sum")}, []byte("49995000"))
	wantError(t, "the same again", db.Commit(t.Context(), 0, batch(fill)), store.ErrConflict)
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, id := range ids[1:] {
			b.Delete(key(id))
		}
	})
	wantEntries(t, "what was not deleted", mustScan(t, db, 0, key(""), n), []store.Entry{
		{ID: ids[0], Value: []byte(ids[0])}, {ID: "sum", Value: []byte("49995000")},
	})
}
