package pebblestore

import (
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
