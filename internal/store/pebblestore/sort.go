package pebblestore

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
)

// A sorter puts keys in order. It keeps its memory.
type sorter struct {
	collections []string
	ids         []sortedID
}

// A sortedID is an id that is sorted by some of its bytes, as far as they tell it from another: to look at all of it takes longer
// than all the rest, since it lies somewhere else.
type sortedID struct {
	bytes uint64
	place int
	id    string
}

// inOrder returns the places of n keys in the order in which Pebble has them, equal ones in theirs. Pebble finds its way
// from a key to the next one faster than to any.
func (s *sorter) inOrder(order []int, n int, key func(i int) *store.Key) []int {
	order = order[:0]
	s.collections = s.collections[:0]
	for i := range n {
		if name := key(i).Collection; !slices.Contains(s.collections, name) {
			s.collections = append(s.collections, name)
		}
	}
	slices.Sort(s.collections)
	for _, collection := range s.collections { // which are few
		s.ids = s.ids[:0]
		for i := range n {
			if k := key(i); k.Collection == collection {
				s.ids = append(s.ids, sortedID{place: i, id: k.ID})
			}
		}
		sortIDs(s.ids)
		for i := range s.ids {
			order = append(order, s.ids[i].place)
		}
		clear(s.ids) // they belong to whoever asked
	}
	return order
}

func sortIDs(ids []sortedID) {
	same := len(ids[0].id) // how many bytes all of them begin with
	for _, one := range ids {
		same = min(same, len(one.id))
		for same > 0 && one.id[:same] != ids[0].id[:same] {
			same--
		}
	}
	for i := range ids {
		var next [8]byte
		copy(next[:], ids[i].id[same:])
		ids[i].bytes = binary.BigEndian.Uint64(next[:])
	}
	slices.SortFunc(ids, func(a, b sortedID) int {
		if a.bytes != b.bytes {
			return cmp.Compare(a.bytes, b.bytes)
		}
		return cmp.Or(strings.Compare(a.id, b.id), a.place-b.place)
	})
}
