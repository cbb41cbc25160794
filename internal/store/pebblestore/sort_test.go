package pebblestore

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

// A sorter keeps its memory, and none of the ids, which are parts of long strings.
func TestSorterKeepsNoIDs(t *testing.T) {
	t.Parallel()
	keys := []store.Key{
		{Collection: "earnings", ID: "a"}, {Collection: "earnings", ID: "b"}, {Collection: "earnings", ID: "c"}, {Collection: "unsettled", ID: "d"},
	}
	var s sorter
	s.inOrder(nil, len(keys), func(i int) *store.Key { return &keys[i] })
	for _, kept := range s.ids[:cap(s.ids)] {
		if kept.id != "" {
			t.Errorf("it keeps %q", kept.id)
		}
	}
}

// Keys are in the order of their bytes, whatever they have in common, and equal ones in theirs.
func TestSorterOrders(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var s sorter
	for range 500 {
		keys := make([]store.Key, 1+r.IntN(40))
		for i := range keys {
			keys[i] = store.Key{Collection: []string{"a", "b", "ab"}[r.IntN(3)], ID: strings.Repeat("p", r.IntN(12)) + []string{"", "\x00", "\xff", "q"}[r.IntN(4)]}
		}
		want := make([]int, len(keys))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(i, j int) int {
			return cmp.Or(strings.Compare(keys[i].Collection, keys[j].Collection), strings.Compare(keys[i].ID, keys[j].ID))
		})
		if got := s.inOrder(nil, len(keys), func(i int) *store.Key { return &keys[i] }); !slices.Equal(got, want) {
			t.Fatalf("%q in the order %v, want %v", keys, got, want)
		}
	}
}
