package pebblestore

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

// FuzzKey compares any two keys: they are equal only if they are the same, in the order of collection, partition
// and id, and in the bounds of their own collection only.
func FuzzKey(f *testing.F) {
	f.Add(uint16(0), "plan", "", uint16(0), "plan_event", "\x00")
	f.Add(uint16(1), "plan", "_event", uint16(1), "plan_event", "")
	f.Add(uint16(0), "plan", "\xff\xff", uint16(1), "a", "")
	f.Add(uint16(0x3fff), "z", "\xff", uint16(0x3fff), "z", "\xff\x00")
	f.Fuzz(func(t *testing.T, p1 uint16, collection1, id1 string, p2 uint16, collection2, id2 string) {
		if store.CheckCollection(collection1) != nil || store.CheckCollection(collection2) != nil ||
			p1 >= store.MaxPartitions || p2 >= store.MaxPartitions {
			return
		}
		k1, k2 := store.Key{Collection: collection1, ID: id1}, store.Key{Collection: collection2, ID: id2}
		a, b := appendKey(nil, store.Partition(p1), k1), appendKey(nil, store.Partition(p2), k2)
		want := cmp.Or(strings.Compare(collection1, collection2), cmp.Compare(p1, p2), strings.Compare(id1, id2))
		if got := bytes.Compare(a, b); got != want {
			t.Errorf("%d %q and %d %q compare as %d, want %d", p1, k1, p2, k2, got, want)
		}
		from := appendStart(nil, store.Partition(p1), collection1)
		to := appendEnd(nil, store.Partition(p1), collection1)
		inside := bytes.Compare(from, b) <= 0 && bytes.Compare(b, to) < 0
		if same := p1 == p2 && collection1 == collection2; inside != same {
			t.Errorf("%d %q is in the bounds of %d %s: %t, want %t", p2, k2, p1, collection1, inside, same)
		}
		if bytes.Compare(a, metaKey) >= 0 {
			t.Errorf("%d %q is not below the store's own key", p1, k1)
		}
		put := make([]byte, keySize(k1))
		putKey(put, store.Partition(p1), k1)
		if !bytes.Equal(put, a) {
			t.Errorf("%d %q is written as %q and appended as %q", p1, k1, put, a)
		}
	})
}
