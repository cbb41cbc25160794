package storetest

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
)

var removeChecks = []check{
	{"what lies between many that are removed stays", checkRemoveMany},
}

// checkRemoveMany removes many neighbours at once, which an engine may do in one go: from none to all between them stay, some are not there,
// and some are written in the same batch.
func checkRemoveMany(t *testing.T, open Open) {
	const n, rounds = 400, 60
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
		first := r.IntN(n - 200)
		last := first + 50 + r.IntN(150)
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
		for p, m := range models {
			for _, collection := range collections {
				from := store.Key{Collection: collection}
				wantEntries(t, "what stays", mustScan(t, db, p, from, 2*n), m.scan(from, 2*n))
			}
			values := make([][]byte, len(keys))
			for i, key := range keys {
				values[i] = m[key]
			}
			if diff := cmp.Diff(values, mustGet(t, db, p, keys...)); diff != "" {
				t.Fatalf("round %d: values (-want +got):\n%s", round, diff)
			}
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}
