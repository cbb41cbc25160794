package storetest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var removeChecks = []check{
	{"what lies between many that are removed stays", checkRemoveMany},
	{"what lies close to many that are removed stays", checkRemoveClose},
}

// checkRemoveMany removes many neighbours at once, which an engine may do in one go: from none to all between them stay, some are not there,
// and some are written in the same batch.
func checkRemoveMany(t *testing.T, open Open) {
	const n, rounds = 400, 40
	db := mustOpen(t, open)
	ids := numbered(n)
	for i := 9; i < n; i += 10 {
		ids[i] = ids[i-1] + "\x01" // close behind the one before
	}
	r := rand.New(rand.NewPCG(3, 14))
	models := map[store.Partition]model{0: {}, 1: {}}
	collections := []string{"a", "b"}
	keys := make([]store.Key, 0, len(collections)*n)
	for _, collection := range collections {
		for _, id := range ids {
			keys = append(keys, store.Key{Collection: collection, ID: id})
		}
	}
	for round := range rounds {
		var b store.Batch
		p := store.Partition(r.IntN(2))
		first := r.IntN(n - 210)
		last := (first+50+r.IntN(150))/10*10 + 8 // the next one is close behind it
		refused := round%7 == 6
		spared, written := 1<<r.IntN(9), 1<<(3+r.IntN(7)) // one in so many
		for _, i := range r.Perm(n) {
			key := store.Key{Collection: "a", ID: ids[i]}
			switch {
			case i < first || i > last:
				if r.IntN(3) == 0 && !refused {
					b.Put(key, []byte("around"))
				}
			case r.IntN(spared) > 0 || spared == 1:
				if r.IntN(written) == 0 && !refused {
					b.Put(key, []byte("before"))
				}
				b.Delete(key)
				if r.IntN(written) == 0 && !refused {
					b.Add(key, int64(i))
				}
			}
			if r.IntN(10) == 0 && !refused {
				b.Put(store.Key{Collection: "b", ID: ids[i]}, nil)
			}
		}
		if refused {
			b.Put(store.Key{Collection: "b", ID: "full"}, []byte("no number"))
			b.Add(store.Key{Collection: "b", ID: "full"}, 1)
		}
		after, want := models[p].commit(&b)
		if err := db.Commit(t.Context(), p, &b); !errors.Is(err, want) {
			t.Fatalf("round %d: got error %v, want %v", round, err, want)
		}
		if want == nil {
			models[p] = after
		}
		wantModel(t, db, p, models[p], keys)
		wantModel(t, db, 1-p, models[1-p], keys)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// wantModel fails unless a partition has, of keys, what the model has. It makes no diff of what is the same: that takes the race detector long.
func wantModel(t *testing.T, db store.DB, p store.Partition, m model, keys []store.Key) {
	t.Helper()
	for i, value := range mustGet(t, db, p, keys...) {
		if want := m[keys[i]]; !bytes.Equal(value, want) || (value == nil) != (want == nil) {
			t.Errorf("partition %d holds %q as %v, want %q", p, value, keys[i], want)
		}
	}
	for _, collection := range []string{"a", "b"} {
		from := store.Key{Collection: collection}
		got, want := mustScan(t, db, p, from, 2*len(keys)), m.scan(from, 2*len(keys))
		if !slices.EqualFunc(got, want, func(a, b store.Entry) bool { return a.ID == b.ID && bytes.Equal(a.Value, b.Value) }) {
			wantEntries(t, "what stays", got, want)
		}
	}
}

func checkRemoveClose(t *testing.T, open Open) {
	db := mustOpen(t, open)
	ids := numbered(200)
	before, behind := ids[0][:len(ids[0])-1], ids[199]+"\x01"
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, id := range append(ids, before, behind) {
			b.Put(key(id), []byte(id))
		}
	})
	mustCommit(t, db, 0, func(b *store.Batch) {
		for _, id := range ids {
			b.Delete(key(id))
		}
	})
	wantEntries(t, "what stays", mustScan(t, db, 0, key(""), 300), entriesOf(before, behind))
}
