package ledger

import (
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A run is finished once every partition is done, for the generation that was worked, and not before. Rule R2.
func TestR2_FinishedOnceAllIsDone(t *testing.T) {
	const partitions = 3
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	l, now := New(db), time.Date(2026, time.May, 15, 7, 0, 0, 0, time.UTC)
	name := RunName{Program: "programs/azure", PayDate: payout.PayDate(payout.MonthIn(2026, time.May))}
	if _, err := l.Start(t.Context(), StartRequest{RunName: name, Now: now}); err != nil {
		t.Fatal(err)
	}
	key, err := l.runKey(name)
	if err != nil {
		t.Fatal(err)
	}
	done := func(p store.Partition, value string) {
		t.Helper()
		var b store.Batch
		b.Put(key.progress(), []byte(value))
		if err := db.Commit(t.Context(), p, &b); err != nil {
			t.Fatal(err)
		}
	}
	finish := func(what string, generation int, want RunState) {
		t.Helper()
		run, err := l.finish(t.Context(), key, generation, now)
		if err != nil || run.State != want {
			t.Errorf("%s: the run is %s, %v; want %s", what, run.State, err, want)
		}
		if stored, err := l.Run(t.Context(), name); err != nil || stored.State != want {
			t.Errorf("%s: the run is stored as %s, %v; want %s", what, stored.State, err, want)
		}
	}
	finish("nothing is done", 1, Running)
	done(2, `{"generation":1,"done":true}`)
	finish("the last partition is done", 1, Running)
	done(0, `{"generation":1,"done":true}`)
	done(1, `{"generation":1,"done":false}`)
	finish("all but the middle one are done", 1, Running)
	done(1, `{"generation":1,"done":true}`)
	finish("all are done, but not of the next start", 2, Running)
	finish("all are done", 1, Succeeded)
	if _, err := l.Start(t.Context(), StartRequest{RunName: name, Now: now}); err != nil {
		t.Fatal(err)
	}
	finish("started again, and one is late", 1, Running)
	finish("started again", 2, Running)
	done(0, `{"generation":2,"done":true,"failures_count":1}`)
	done(1, `{"generation":2,"done":true}`)
	done(2, `{"generation":2,"done":true}`)
	finish("done again, with a failure; one is late", 1, Running)
	finish("done again, with a failure", 2, Failed)
}
