package pebblestore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
)

// TestE2_DiskErrorIsNeverAcknowledged breaks the disk under several writers. It writes less than a first memtable
// takes: where Pebble can't finish a full log, it ends the process.
func TestE2_DiskErrorIsNeverAcknowledged(t *testing.T) {
	broken := errors.New("the disk is broken")
	for _, test := range []struct {
		name            string
		onSync, onWrite error
		size            int // of the values after the failure; the log has blocks of 32 KiB
	}{
		{"sync fails", broken, nil, 10},
		{"write fails", nil, broken, 10},
		{"both fail", broken, broken, 10},
		{"sync fails, large values", broken, nil, 16 << 10},
		{"write fails, large values", nil, broken, 16 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			const writers, before = 8, 3
			d := newDisk()
			db := d.open(t)
			commit := func(w, size int) error {
				b := putOf(thing(strconv.Itoa(w)), strings.Repeat("x", size))
				b.Add(thing("count "+strconv.Itoa(w)), 1)
				return db.Commit(context.Background(), store.Partition(w%4), b)
			}
			for w := range writers {
				for range before {
					if err := commit(w, 10); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.breakdown(test.onSync, test.onWrite)
			var group sync.WaitGroup
			for w := range writers {
				group.Go(func() {
					if err := commit(w, test.size); !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("commit on a broken disk: got %v, want unavailable", err)
					}
				})
			}
			group.Wait()

			d.breakdown(nil, nil) // does not help: what the disk lost is not known
			if err := get(t.Context(), db, 9, thing("a")); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("get after the failure: got %v, want unavailable", err)
			}
			if err := scan(t.Context(), db, 9); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("scan after the failure: got %v, want unavailable", err)
			}
			err := db.Commit(t.Context(), 9, putOf(thing("a"), "1"))
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), broken.Error()) {
				t.Errorf("commit after the failure: got %v, want unavailable because %q", err, broken)
			}
			left := d.afterCrash(t, vfs.CrashCloneCfg{})
			for w := range writers {
				values, err := left.Get(t.Context(), store.Partition(w%4), thing("count "+strconv.Itoa(w)))
				if err != nil {
					t.Fatal(err)
				}
				if got := string(values[0]); got != strconv.Itoa(before) {
					t.Errorf("writer %d finds %s commits after a crash, but %d were acknowledged", w, got, before)
				}
			}
			_ = db.Close() // ends, with an error or without
			if err := get(t.Context(), db, 9, thing("a")); !errors.Is(err, store.ErrClosed) {
				t.Errorf("get after close: got %v, want closed", err)
			}
		})
	}
}

// TestSyncsAreShared commits to every partition while the log is busy with one sync.
func TestSyncsAreShared(t *testing.T) {
	d := newDisk()
	db := d.open(t)
	release := d.hold()
	defer release()
	before := d.syncs.Load()
	var group sync.WaitGroup
	for p := range db.Partitions() {
		group.Go(func() {
			if err := db.Commit(context.Background(), store.Partition(p), putOf(thing("a"), "1")); err != nil {
				t.Errorf("commit: %v", err)
			}
		})
	}
	for p := range db.Partitions() {
		waitUntilPending(t, db, store.Partition(p), thing("a"))
	}
	release()
	group.Wait()
	// One was under way; another takes all that came meanwhile.
	if got := d.syncs.Load() - before; got > 2 {
		t.Errorf("%d commits took %d syncs, want at most 2", db.Partitions(), got)
	}
}
