package listing_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
)

// All that the lists of one call look at is its caller's, whatever is kept of it.
func TestListsAreWeighed(t *testing.T) {
	db := open(t)
	ids := make([]string, 9000)
	for i := range ids {
		ids[i] = fmt.Sprintf("w/%06d", i)
	}
	put(t, db, ids...)
	l := limit.New(limit.Settings{RateLimit: 1}, nil, slog.New(slog.DiscardHandler)) // after a burst, 20 entries a second
	ctx, release, err := l.Admit(t.Context(), "greedy")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second) // in which 80 entries more are to be had
	defer cancel()
	q := query(db, "w/", listing.Page{Size: 10})
	q.Read = func(e store.Entry) (string, bool, error) { return e.ID, false, nil }
	lists := 0
	for ; err == nil && lists < 10; lists++ {
		_, _, err = listing.List(ctx, q)
	}
	if fault.ReasonOf(err) != "SCAN_TOO_LONG" || lists != 4 {
		t.Errorf("list %d of 9000 entries in one call: %v, want SCAN_TOO_LONG of the 4th", lists, err)
	}
	if _, _, err := listing.List(t.Context(), q); err != nil {
		t.Errorf("a list that is of no call: %v", err)
	}
}

// A counting store counts its scans.
type counting struct {
	store.DB
	scans atomic.Int64
}

func (c *counting) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	c.scans.Add(1)
	return c.DB.Scan(ctx, p, collection, from, limit)
}

// What is refused has read nothing, in however many partitions it would have looked.
func TestListsAreWeighedBeforeTheyRead(t *testing.T) {
	db := &counting{DB: open(t)}
	l := limit.New(limit.Settings{RateLimit: 100}, nil, slog.New(slog.DiscardHandler))
	admit := func() context.Context {
		ctx, release, err := l.Admit(t.Context(), "greedy")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		return ctx
	}
	const atOnce = 16
	for range atOnce { // that look at more than any call may
		ctx := admit()
		if err := limit.ScanOf(ctx).Reserve(ctx, 100); err != nil {
			t.Fatal(err)
		}
	}
	q := query(db, "w/", listing.Page{Size: 1000})
	q.Partitions = listing.All(db)
	if _, _, err := listing.List(admit(), q); fault.ReasonOf(err) != "TOO_MANY_SCANS_AT_ONCE" || db.scans.Load() != 0 {
		t.Errorf("one list more: %v, after %d reads", err, db.scans.Load())
	}
	q.Partitions = q.Partitions[:1] // as of one partner, who has nothing
	if _, _, err := listing.List(admit(), q); err != nil {
		t.Errorf("a large page of who has little: %v", err)
	}
}

// A long store has entries of one size, to be read eight times.
type long struct {
	store.DB

	size  int
	reads []int // how many entries were read at once
}

func (*long) Partitions() int { return 1 }

func (e *long) Scan(_ context.Context, _ store.Partition, _, from string, limit int) ([]store.Entry, error) {
	if len(e.reads) == 8 {
		return nil, nil
	}
	e.reads = append(e.reads, limit)
	entries := make([]store.Entry, limit)
	value := make([]byte, e.size)
	for i := range entries {
		entries[i] = store.Entry{ID: fmt.Sprintf("%s%06d", from, i), Value: value}
	}
	return entries, nil
}

// What a list looks at in vain is read in ever larger chunks where it is small, and few at once where it is large.
func TestLargeEntriesAreReadFewAtOnce(t *testing.T) {
	for size, want := range map[int][]int{
		0: {21, 42, 84, 168, 336, 672, 1000, 1000}, 8 << 10: {21, 42, 84, 168, 336, 672, 1000, 1000},
		64 << 10: {21, 42, 84, 127, 127, 127, 127, 127}, 2 << 20: {21, 3, 3, 3, 3, 3, 3, 3}, 16 << 20: {21, 1, 1, 1, 1, 1, 1, 1},
	} {
		db := &long{size: size}
		q := query(db, "", listing.Page{Size: 20})
		q.Read = func(store.Entry) (string, bool, error) { return "", false, nil }
		if _, _, err := listing.List(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(db.reads, want) {
			t.Errorf("of entries of %d bytes so many are read at once: %v, want %v", size, db.reads, want)
		}
	}
}
