package storetest

import (
	"math"
	"strconv"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var counterChecks = []check{
	{"counters", checkCounters},
	{"what is no number can't be added to", checkNotNumber},
	{"a counter is a value like any other", checkCounterIsValue},
	{"a failed Add applies nothing", checkFailedAddAppliesNothing},
	{"5,000 counters", checkManyCounters},
}

func checkCounters(t *testing.T, open Open) {
	db := mustOpen(t, open)
	const most, least = "9223372036854775807", "-9223372036854775808"
	for _, test := range []struct {
		name   string
		before string // "" for absent
		add    []int64
		want   string // "" for absent
		err    error
	}{
		{"to none", "", []int64{5}, "5", nil},
		{"0 to none", "", []int64{0}, "0", nil},
		{"below 0 to none", "", []int64{-5}, "-5", nil},
		{"to one", "37", []int64{5}, "42", nil},
		{"0 to one", "37", []int64{0}, "37", nil},
		{"across 0", "3", []int64{-5}, "-2", nil},
		{"to exactly 0", "5", []int64{-5}, "0", nil},
		{"several", "10", []int64{1, 2, 3, -20}, "-4", nil},
		{"several to none", "", []int64{1, 2, 3}, "6", nil},
		{"more digits", "99", []int64{1}, "100", nil},
		{"beyond the exactness of floating point", "9007199254740992", []int64{1}, "9007199254740993", nil},
		{"up to the most", "", []int64{math.MaxInt64}, most, nil},
		{"down to the least", "", []int64{math.MinInt64}, least, nil},
		{"from the least to the most", least, []int64{math.MaxInt64, math.MaxInt64, 1}, most, nil},
		{"above the most", most, []int64{1}, most, store.ErrOverflow},
		{"far above the most", most, []int64{math.MaxInt64}, most, store.ErrOverflow},
		{"below the least", least, []int64{-1}, least, store.ErrOverflow},
		{"far below the least", least, []int64{math.MinInt64}, least, store.ErrOverflow},
		{"down from the most and up again", most, []int64{-1, 1}, most, nil},
		{"above the most and down again", most, []int64{1, -1}, most, store.ErrOverflow},
		{"0 to the most", most, []int64{0}, most, nil},
		{"two that overflow together", "", []int64{math.MaxInt64, 1}, "", store.ErrOverflow},
	} {
		for _, by := range []string{"put", "added"} {
			t.Run(test.name+", "+by, func(t *testing.T) {
				mustCommit(t, db, 0, func(b *store.Batch) {
					b.Delete(key("n"))
					if n, err := strconv.ParseInt(test.before, 10, 64); err == nil && by == "added" {
						b.Add(key("n"), n)
					} else if err == nil {
						b.Put(key("n"), []byte(test.before))
					}
				})
				err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
					for _, n := range test.add {
						b.Add(key("n"), n)
					}
				}))
				wantError(t, "add", err, test.err)
				want, entries := []byte(nil), []store.Entry(nil)
				if test.want != "" {
					want, entries = []byte(test.want), []store.Entry{{ID: "n", Value: []byte(test.want)}}
				}
				wantValues(t, db, 0, []store.Key{key("n")}, want)
				wantEntries(t, "scan", mustScan(t, db, 0, key(""), 2), entries)
			})
		}
	}
}

func checkNotNumber(t *testing.T, open Open) {
	db := mustOpen(t, open)
	for _, value := range []string{
		"", " ", "x", "1x", " 1", "1 ", "1\n", "+1", "-", "-0", "00", "007", "-01", "1.0", "1e3", "0x1", "1_000", "\x001", "１",
		"9223372036854775808", "-9223372036854775809", "99999999999999999999999",
	} {
		mustCommit(t, db, 0, func(b *store.Batch) { b.Put(key("n"), []byte(value)) })
		for _, n := range []int64{1, 0, -1} {
			err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) { b.Add(key("n"), n) }))
			wantError(t, "add to "+strconv.Quote(value), err, store.ErrNotNumber)
		}
		wantValues(t, db, 0, []store.Key{key("n")}, []byte(value))
		err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
			b.Put(key("other"), []byte(value))
			b.Add(key("other"), 1)
		}))
		wantError(t, "add to "+strconv.Quote(value)+" put in the same batch", err, store.ErrNotNumber)
		wantValues(t, db, 0, []store.Key{key("other")}, nil)
	}
}

// checkCounterIsValue writes to a counter in every way, each in a commit of its own, as an engine that
// remembers counters must notice.
func checkCounterIsValue(t *testing.T, open Open) {
	db := mustOpen(t, open)
	n := key("n")
	for i, step := range []struct {
		fill func(b *store.Batch)
		want []byte
		err  error
	}{
		{func(b *store.Batch) { b.Add(n, 5) }, []byte("5"), nil},
		{func(b *store.Batch) { b.Add(n, 5) }, []byte("10"), nil},
		{func(b *store.Batch) { b.Require(n, []byte("10")); b.Add(n, 1) }, []byte("11"), nil},
		{func(b *store.Batch) { b.Require(n, []byte("10")); b.Add(n, 1) }, []byte("11"), store.ErrConflict},
		{func(b *store.Batch) { b.Put(n, []byte("100")) }, []byte("100"), nil},
		{func(b *store.Batch) { b.Add(n, 1) }, []byte("101"), nil},
		{func(b *store.Batch) { b.Delete(n) }, nil, nil},
		{func(b *store.Batch) { b.RequireAbsent(n); b.Add(n, 1) }, []byte("1"), nil},
		{func(b *store.Batch) { b.Add(n, 1); b.Put(n, []byte("x")) }, []byte("x"), nil},
		{func(b *store.Batch) { b.Add(n, 1) }, []byte("x"), store.ErrNotNumber},
		{func(b *store.Batch) { b.Put(n, []byte("7")); b.Delete(key("other")) }, []byte("7"), nil},
		{func(b *store.Batch) { b.Add(n, 1) }, []byte("8"), nil},
		{func(b *store.Batch) { b.Add(n, math.MaxInt64) }, []byte("8"), store.ErrOverflow},
		{func(b *store.Batch) { b.Add(n, 1); b.Delete(n) }, nil, nil},
		{func(b *store.Batch) { b.Add(n, -1) }, []byte("-1"), nil},
	} {
		wantError(t, "step "+strconv.Itoa(i), db.Commit(t.Context(), 0, batch(step.fill)), step.err)
		wantValues(t, db, 0, []store.Key{n}, step.want)
	}
	// The same id elsewhere is another counter.
	mustCommit(t, db, 0, func(b *store.Batch) { b.Add(store.Key{Collection: "other", ID: "n"}, 50) })
	mustCommit(t, db, 1, func(b *store.Batch) { b.Add(n, 60) })
	wantValues(t, db, 0, []store.Key{n, {Collection: "other", ID: "n"}}, []byte("-1"), []byte("50"))
	wantValues(t, db, 1, []store.Key{n, {Collection: "other", ID: "n"}}, []byte("60"), nil)
}

func checkFailedAddAppliesNothing(t *testing.T, open Open) {
	db := mustOpen(t, open)
	mustCommit(t, db, 0, func(b *store.Batch) {
		b.Add(key("fine"), 5)
		b.Put(key("full"), []byte("9223372036854775807"))
		b.Put(key("put"), []byte("old"))
		b.Put(key("word"), []byte("x"))
	})
	before := mustScan(t, db, 0, key(""), 10)
	for name, want := range map[string]error{"full": store.ErrOverflow, "word": store.ErrNotNumber} {
		for range 2 {
			err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
				b.Put(key("put"), []byte("new"))
				b.Add(key("fine"), 1)
				b.Add(key("new"), 1)
				b.Add(key(name), 1)
				b.Put(key("created"), []byte("new"))
				b.Put(key(name), []byte("1")) // later, so it repairs nothing
			}))
			wantError(t, "add to "+name, err, want)
			wantEntries(t, "after the failed add", mustScan(t, db, 0, key(""), 10), before)
		}
	}
	err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
		b.RequireAbsent(key("put"))
		b.Add(key("full"), 1)
	}))
	wantError(t, "a conflict, and an add that would overflow", err, store.ErrConflict)
	mustCommit(t, db, 0, func(b *store.Batch) { b.Add(key("fine"), 1); b.Add(key("new"), 1) })
	wantValues(t, db, 0, []store.Key{key("fine"), key("new")}, []byte("6"), []byte("1"))
}

func checkManyCounters(t *testing.T, open Open) {
	const n, rounds = 5_000, 3
	db := mustOpen(t, open)
	ids := numbered(n)
	for range rounds {
		mustCommit(t, db, 0, func(b *store.Batch) {
			for i, id := range ids {
				b.Add(key(id), int64(i))
			}
		})
	}
	for i, e := range mustScan(t, db, 0, key(""), n) {
		if want := strconv.Itoa(i * rounds); string(e.Value) != want {
			t.Errorf("counter %s holds %s, want %s", e.ID, e.Value, want)
		}
	}
}
