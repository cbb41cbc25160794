package storetest

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/store"
)

var modelChecks = []check{
	{"random batches do what a map would", checkModel},
}

// A model is what a partition holds, done the simplest way.
type model map[store.Key][]byte

// commit returns the model after a batch, or why there is none.
func (m model) commit(b *store.Batch) (model, error) {
	for _, c := range b.Conditions() {
		value, present := m[c.Key]
		if present != (c.Value != nil) || !bytes.Equal(value, c.Value) {
			return nil, store.ErrConflict
		}
	}
	after := maps.Clone(m)
	for _, w := range b.Writes() {
		switch w.Kind {
		case store.WritePut:
			after[w.Key] = append([]byte{}, w.Value...)
		case store.WriteDelete:
			delete(after, w.Key)
		case store.WriteAdd:
			value, present := after[w.Key]
			if !present {
				value = []byte("0")
			}
			n, ok := new(big.Int).SetString(string(value), 10)
			if !ok || n.String() != string(value) || !n.IsInt64() {
				return nil, store.ErrNotNumber
			}
			n.Add(n, big.NewInt(w.Delta))
			if !n.IsInt64() {
				return nil, store.ErrOverflow
			}
			after[w.Key] = []byte(n.String())
		}
	}
	return after, nil
}

// scan returns what DB.Scan would.
func (m model) scan(from store.Key, limit int) []store.Entry {
	var ids []string
	for k := range m {
		if k.Collection == from.Collection && k.ID >= from.ID {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	var entries []store.Entry
	for _, id := range ids[:min(limit, len(ids))] {
		entries = append(entries, store.Entry{ID: id, Value: m[store.Key{Collection: from.Collection, ID: id}]})
	}
	return entries
}

var (
	// Few keys, so that batches meet; values that are numbers, almost numbers and no numbers.
	anyKey = rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Collection: rapid.SampledFrom([]string{"a", "a_", "b"}).Draw(t, "collection"),
			ID:         rapid.SampledFrom([]string{"", "\x00", "x", "X", "xx", "\xff"}).Draw(t, "id"),
		}
	})
	anyValue = rapid.OneOf(
		rapid.Map(rapid.Int64Range(-3, 3), func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }),
		rapid.SampledFrom([][]byte{nil, {}, []byte("x"), []byte("+1"), []byte("9223372036854775807"), []byte("-9223372036854775808")}),
	)
	anyDelta = rapid.OneOf(rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64}))
)

// drawBatch draws a batch whose conditions mostly hold.
func drawBatch(t *rapid.T, m model) *store.Batch {
	var b store.Batch
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		k := anyKey.Draw(t, "key")
		if rapid.IntRange(0, 5).Draw(t, "stale") == 0 {
			b.Require(k, anyValue.Draw(t, "required"))
		} else {
			b.Require(k, m[k])
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "writes") {
		k := anyKey.Draw(t, "key")
		switch rapid.SampledFrom([]string{"put", "delete", "add", "add"}).Draw(t, "write") {
		case "put":
			b.Put(k, anyValue.Draw(t, "value"))
		case "delete":
			b.Delete(k)
		case "add":
			b.Add(k, anyDelta.Draw(t, "delta"))
		}
	}
	return &b
}

func checkModel(t *testing.T, open Open) {
	db := mustOpen(t, open)
	rapid.Check(t, func(r *rapid.T) {
		m := model{}
		// What the run before left is deleted, and the engine has met those keys.
		mustCommit(t, db, 0, func(b *store.Batch) {
			for _, collection := range []string{"a", "a_", "b"} {
				for _, e := range mustScan(t, db, 0, store.Key{Collection: collection}, 100) {
					b.Delete(store.Key{Collection: collection, ID: e.ID})
				}
			}
		})
		for range rapid.IntRange(1, 10).Draw(r, "batches") {
			b := drawBatch(r, m)
			after, want := m.commit(b)
			if err := db.Commit(t.Context(), 0, b); !errors.Is(err, want) {
				r.Fatalf("commit: got error %v, want %v", err, want)
			}
			if want == nil {
				m = after
			}
			compare(r, t, db, m)
		}
	})
}

// compare reads some of what a store holds, and fails unless the model holds the same.
func compare(r *rapid.T, t *testing.T, db store.DB, m model) {
	keys := rapid.SliceOfN(anyKey, 0, 5).Draw(r, "keys")
	want := make([][]byte, len(keys))
	for i, k := range keys {
		want[i] = m[k]
	}
	if diff := cmp.Diff(want, mustGet(t, db, 0, keys...)); diff != "" {
		r.Fatalf("values of %q (-want +got):\n%s", keys, diff)
	}
	from, limit := anyKey.Draw(r, "from"), rapid.IntRange(0, 7).Draw(r, "limit")
	got := mustScan(t, db, 0, from, limit)
	if diff := cmp.Diff(m.scan(from, limit), got, cmpopts.EquateEmpty()); diff != "" {
		r.Fatalf("%d entries from %q (-want +got):\n%s", limit, from, diff)
	}
}
