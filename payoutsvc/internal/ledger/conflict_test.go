package ledger_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// before returns a store that lets something happen before its n-th commit.
func before(db store.DB, n int, happen func()) *tap {
	return &tap{DB: db, through: func(c call) error {
		if c.operation == commit && c.nth == n {
			happen()
		}
		return c.do()
	}}
}

// What others add to a total that one has read, and is about to write, is not lost.
func TestE4_TotalChangesMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.record(w.entry(plan, "most", "2026-04", math.MaxInt64-10))
		fits, large, other := w.entry(plan, "fits", "2026-04", 5), w.entry(plan, "large", "2026-04", 20), w.entry(plan, "other", "2026-04", 4)
		w.ledger = ledger.New(before(db, 2, func() { // the first commit was too much
			ledger.New(db).Record(t.Context(), w.now, []ledger.Entry{other})
		}))
		w.wantSaid("recorded at once with another", []string{"recorded", "EARNED_TOTAL_TOO_LARGE"}, fits, large)
		w.wantSaid("the other", []string{"duplicate"}, other)
		w.wantEarned("both together", plan, "2026-04", math.MaxInt64-1)
	})
}

// The range is that of what is stored and sent together, also where something
// else in the batch has been looked up before.
func TestE4_FitsWithWhatIsStored(t *testing.T) {
	const large = 6_000_000_000_000_000_000
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.record(w.entry(plan, "debt", "2026-04", -large))
		w.wantSaid("two that are too large without the debt", []string{"EARN_TIME_OUTSIDE_YEAR", "recorded", "recorded"},
			w.entry(plan, "early", "2025-06", 1), w.entry(plan, "a", "2026-04", large), w.entry(plan, "b", "2026-04", large))
		w.wantEarned("with the debt", plan, "2026-04", large)
	})
}

// A payout that has come about between a run's reading and its writing is not made again.
func TestC3_R2_PayoutIsNotOverwritten(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.earn(plan, "2026-04", 10_00)
		const other = "PAID 2026-05-15 contoso/azure.coop.fy26 azure USD 1 1 1 2026-04:1:1:1 7 by hand"
		w.start("2026-05-15")
		home := store.PartitionOf("contoso", few)
		put := false
		worker := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit && c.partition == home && !put {
				put = true
				w.put("contoso", "payouts", "contoso/azure.coop.fy26/2026-05-15", other)
			}
			return c.do()
		}}))
		run, err := worker.Work(t.Context(), w.runName("2026-05-15"))
		if err != nil || run.PayoutsCount != 0 || run.State != ledger.Succeeded {
			t.Errorf("the run is %+v, %v; want it through, without a payout", run, err)
		}
		if p, err := w.ledger.Payout(t.Context(), plan, date("2026-05-15")); err != nil || p.Reference != "by hand" {
			t.Errorf("the payout that was there is now %+v, %v", p, err)
		}
		if _, paid := w.total(plan, "2026-04"); paid != 0 {
			t.Errorf("%d are held as paid, want nothing", paid)
		}
	})
}

// A plan that earns all the time does not keep others from being paid: pages get smaller until they miss it.
func TestR2_ComesThroughBesideAnyRecording(t *testing.T) {
	const count, patience, payDate = 8, 40, "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var plans []string
		for i := range count {
			plans = append(plans, w.planOf("contoso", fmt.Sprint("f", i), 100_00))
			w.earn(plans[i], "2026-04", 10_00)
		}
		busy, home, tries := plans[count-1], store.PartitionOf("contoso", few), 0
		w.start(payDate)
		worker := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation != commit || c.partition != home || tries == patience {
				return c.do()
			}
			w.earn(busy, "2026-04", 1)
			err := c.do()
			tries++
			return err
		}}))
		worker.Wait = func(_ context.Context, d time.Duration) error {
			if d > 64*time.Millisecond {
				t.Errorf("after a conflict the run waits %s", d)
			}
			if tries == patience {
				if run, err := w.ledger.Run(t.Context(), w.runName(payDate)); err != nil || run.PlansDone != count-1 {
					t.Errorf("after %d tries beside recording %d plans are done, %v; want all but the one that earns", tries, run.PlansDone, err)
				}
			}
			return nil
		}
		run, err := worker.Work(t.Context(), w.runName(payDate))
		if err != nil || run.PayoutsCount != count || !run.PaidTotals[0].Equal(usd(count*10_00+patience)) {
			t.Errorf("the run is %+v, %v; want %d payouts of %s", run, err, count, usd(count*10_00+patience))
		}
	})
}

// After conflicts pages grow again.
func TestPagesGrowAgain(t *testing.T) {
	const count, conflicts, most = 600, 24, 12
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var entries []ledger.Entry
		for i := range count {
			entries = append(entries, w.entry(w.planOf("contoso", fmt.Sprint("f", i), 100_00), "", "2026-04", 1))
		}
		w.record(entries...)
		w.start("2026-05-15")
		home, tries := store.PartitionOf("contoso", few), 0
		worker := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation != commit || c.partition != home {
				return c.do()
			}
			tries++
			if tries <= conflicts {
				return store.ErrConflict
			}
			return c.do()
		}}))
		run, err := worker.Work(t.Context(), w.runName("2026-05-15"))
		if err != nil || run.PayoutsCount != count {
			t.Errorf("the run is %+v, %v; want %d payouts", run, err, count)
		}
		if commits := tries - conflicts; commits > most {
			t.Errorf("%d plans took %d commits after the last conflict, want %d at the most", count, commits, most)
		}
	})
}

// A step of a run that conflicts for ever ends with its context.
func TestConflictsEndWithTheContext(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
		w.start("2026-05-15")
		ctx, end := context.WithCancel(t.Context())
		defer end()
		worker := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			switch {
			case c.operation != commit:
				return c.do()
			case c.nth == 50:
				end()
			}
			return store.ErrConflict
		}}))
		if _, err := worker.Work(ctx, w.runName("2026-05-15")); err == nil || ctx.Err() == nil {
			t.Errorf("a run whose every commit conflicts: %v", err)
		}
		if diff := cmp.Diff([]string{"mark 2026-04 of contoso"}, w.marks()); diff != "" {
			t.Errorf("marks (-want +got):\n%s", diff)
		}
	})
}
