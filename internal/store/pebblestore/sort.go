package pebblestore

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
)

// A sorter puts keys in order. It keeps its memory for the next ones.
type sorter struct {
	collections []string
	ids         []sortedID
}

// A sortedID is an id with the eight bytes of it that mostly tell it from the others: the id itself is somewhere else in memory, and to look
// there takes longer than all the rest.
type sortedID struct {
	head  uint64 // big-endian, without what all ids begin with
	place int    // among the keys
	id    string
}

// inOrder returns the places of n keys, in order's memory, in the order in which Pebble has the keys. Equal keys stay as they stand. Pebble
// finds its way from a key to the next one faster than to any.
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
	shared := len(ids[0].id) // how many bytes all of them begin with
	for _, one := range ids {
		shared = min(shared, len(one.id))
		for one.id[:shared] != ids[0].id[:shared] {
			shared--
		}
	}
	for i := range ids {
		var next [8]byte
		copy(next[:], ids[i].id[shared:])
		ids[i].head = binary.BigEndian.Uint64(next[:])
	}
	slices.SortFunc(ids, func(a, b sortedID) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return cmp.Or(strings.Compare(a.id, b.id), a.place-b.place)
	})
}
