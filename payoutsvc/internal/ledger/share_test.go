package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// begun is a run of 1,200 plans of contoso, and one of each of 20 other partners. A
// worker has begun it, by its own clock, and has died when it had done a page of contoso's.
func begun(t *testing.T, db store.DB, name string, clock time.Duration) *world {
	t.Helper()
	w := newWorld(t, db, "azure")
	var entries []ledger.Entry
	for i := range 1_200 {
		entries = append(entries, w.entry(w.planOf("contoso", fmt.Sprintf("f%04d", i), 100_00), "", "2026-04", 1_00))
	}
	home := store.PartitionOf("contoso", few)
	for i := 0; len(entries) < 1_220; i++ {
		if partner := fmt.Sprint("p", i); store.PartitionOf(partner, few) != home {
			entries = append(entries, w.entry(w.plan(partner, 100_00), "", "2026-04", 1_00))
		}
	}
	w.record(entries...)
	w.start("2026-05-15")
	page := make(chan struct{})
	var first sync.Once
	dies := w.worker(ledger.New(&tap{DB: db, through: func(c call) (err error) {
		if c.operation != commit {
			return c.do()
		}
		err = errEnded
		if c.partition == home {
			first.Do(func() {
				err = c.do()
				close(page)
			})
			return err
		}
		<-page
		return err
	}}))
	dies.Name = name
	dies.Clock = func() time.Time { return w.now.Add(clock) }
	if _, err := dies.Work(t.Context(), w.runName("2026-05-15")); !errors.Is(err, errEnded) {
		t.Fatalf("a worker that dies after a page: %v", err)
	}
	if run, err := w.ledger.Run(t.Context(), w.runName("2026-05-15")); err != nil || run.PlansDone != 1_000 || run.PlansTotal != 1_220 {
		t.Fatalf("%d of %d plans are done, %v; want 1000 of 1220", run.PlansDone, run.PlansTotal, err)
	}
	return w
}

// What one of several workers is at is left to it, as long as it can be alive;
// then another one goes on, whatever the clock of the first one was.
func TestR2_LeftToTheOneThatIsAtIt(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		clock               time.Duration // of the first, ahead of the second's
		least, most         time.Duration // that the second waits
	}{
		{"two of several", "first", "second", 0, 3 * time.Second, 4 * time.Second},
		{"the same again", "first", "first", 0, 0, 0},
		{"alone, as it was before", "", "", 0, 0, 0},
		{"several where one was before", "", "second", 0, 0, 0},
		{"alone where several were before", "first", "", 0, 3 * time.Second, 4 * time.Second},
		{"a clock that is slow", "first", "second", -time.Hour, 0, 0},
		{"a clock that is fast", "first", "second", time.Hour, 0, 4 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w := begun(t, db, test.first, test.clock)
				w.name = test.second
				run := w.run("2026-05-15")
				if run.PlansDone != 1_220 || run.PayoutsCount != 1_220 || !run.PaidTotals[0].Equal(usd(1_220_00)) {
					t.Errorf("the run is %+v, want 1220 payouts of 1220.00 together", run)
				}
				if waited := time.Duration(w.waited.Load()); waited < test.least || waited > test.most {
					t.Errorf("the second has waited %s, want %s to %s", waited, test.least, test.most)
				}
			})
		})
	}
}

// While another worker is at one partition, a worker does all others, and waits only then.
func TestR2_SharedOut(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := begun(t, db, "first", 0)
		first, second := w.worker(ledger.New(db)), w.worker(ledger.New(db))
		first.Name, second.Name = "first", "second"
		var done []int64
		second.Wait = func(ctx context.Context, _ time.Duration) error {
			run, err := w.ledger.Run(ctx, w.runName("2026-05-15"))
			if err != nil {
				return err
			}
			done = append(done, run.PlansDone)
			_, err = first.Work(ctx, w.runName("2026-05-15")) // it was alive
			return err
		}
		run, err := second.Work(t.Context(), w.runName("2026-05-15"))
		if err != nil || run.PayoutsCount != 1_220 || run.State != ledger.Succeeded {
			t.Errorf("the run is %+v, %v; want 1220 payouts, by both", run, err)
		}
		if diff := cmp.Diff([]int64{1_000 + 20}, done); diff != "" {
			t.Errorf("how many plans were done when the second waited (-want +got):\n%s", diff)
		}
	})
}
