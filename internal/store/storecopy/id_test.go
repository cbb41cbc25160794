package storecopy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/storecopy"
)

// Ids are any bytes: a copy that is cut off behind one goes on behind that, and leaves none out.
func TestRunGoesOnBehindAnyID(t *testing.T) {
	for _, test := range []struct{ name, last, next string }{
		{"no UTF-8, and the next below U+FFFD", "\x80", "\x81"},
		{"no UTF-8, and the next above U+FFFD", "\xfe", "\xff"},
		{"NUL", "\x00", "\x00\x00"},
		{"none, and NUL", "", "\x00"},
		{"as JSON has it otherwise", "<\u2028>", "\\u2028"},
		{"long", strings.Repeat("\xc3", 10_000), strings.Repeat("\xc3", 10_001)},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to := empty(t), empty(t)
			var b store.Batch
			// Two that do not fit into one commit.
			for _, id := range []string{test.last, test.next} {
				b.Put(store.Key{Collection: "plans", ID: id}, make([]byte, 600<<10))
			}
			commit(t, from, 0, &b)
			work := storecopy.Copy{From: from, To: &failing{DB: to, left: 2, largest: new(int)}}
			if _, err := work.Run(t.Context()); !errors.Is(err, errFailing) {
				t.Fatalf("cut off: %v, want %v", err, errFailing)
			}
			if got := content(t, to); len(got) != 2 {
				t.Fatalf("cut off with %d entries, want one and the mark of the copy", len(got))
			}
			if got, err := (&storecopy.Copy{From: from, To: to}).Run(t.Context()); err != nil || got != 2 {
				t.Errorf("%d entries, %v; want 2", got, err)
			}
			checkSame(t, from, to)
		})
	}
}

// What differs is named by its place in the stores, and not by how it is quoted.
func TestRunNamesWhatDiffers(t *testing.T) {
	from, to := empty(t), empty(t)
	for id, stores := range map[string][]store.DB{"\x00": {from}, "A": {from, to}} {
		for _, db := range stores {
			var b store.Batch
			b.Put(store.Key{Collection: "plans", ID: id}, nil)
			commit(t, db, 0, &b)
		}
	}
	_, err := (&storecopy.Copy{From: from, To: to}).Run(t.Context())
	if refused, ok := errors.AsType[*storecopy.NotEmptyError](err); !ok || refused.Entry != `plans "\x00", which one of them lacks` {
		t.Errorf("%v, want a NotEmptyError that names the first entry", err)
	}
}
