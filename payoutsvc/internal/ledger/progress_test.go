package ledger_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// Whoever watches a run sees it move on, page by page, and never back.
func TestR5_ProgressIsMonotone(t *testing.T) {
	const payDate = "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		w := hardMonth(t, db, "azure")
		var entries []ledger.Entry
		for i := range 2_400 { // three pages
			entries = append(entries, w.entry(w.planOf("many", fmt.Sprintf("f%04d", i), 1_00), "", "2026-04", 1_00))
		}
		w.record(entries...)
		seen := []ledger.Run{w.start(payDate)}
		var watching sync.Mutex
		watched := ledger.New(&tap{DB: db, through: func(c call) error {
			err := c.do()
			watching.Lock()
			defer watching.Unlock()
			run, runErr := w.ledger.Run(t.Context(), w.runName(payDate))
			if runErr != nil {
				t.Errorf("watch: %v", runErr)
			}
			seen = append(seen, run)
			return err
		}})
		last, err := w.worker(watched).Work(t.Context(), w.runName(payDate))
		if err != nil {
			t.Fatal(err)
		}
		steps := map[int64]bool{}
		for i, run := range seen[1:] {
			if before := seen[i]; run.PlansDone < before.PlansDone || run.PayoutsCount < before.PayoutsCount || run.FailuresCount < before.FailuresCount ||
				run.PlansTotal != before.PlansTotal || len(run.PaidTotals) < len(before.PaidTotals) ||
				len(before.PaidTotals) > 0 && run.PaidTotals[0].Sub(before.PaidTotals[0]).Sign() < 0 {
				t.Errorf("the run went back from %+v to %+v", before, run)
			}
			if run.PlansDone > run.PlansTotal || run.State == ledger.Running == !run.FinishTime.IsZero() {
				t.Errorf("the run is at odds with itself: %+v", run)
			}
			steps[run.PlansDone] = true
		}
		if len(steps) < 4 {
			t.Errorf("only the numbers %v of plans done were seen, want a step for each page at the least", steps)
		}
		if diff := cmp.Diff(last, seen[len(seen)-1]); diff != "" {
			t.Errorf("the run ended otherwise than it was last seen (-ended +seen):\n%s", diff)
		}
		if last.PlansDone != 2_407 || last.PlansTotal != 2_407 || last.PayoutsCount != 2_404 || last.FailuresCount != 1 || !last.PaidTotals[0].Equal(usd(2_575_00)) {
			t.Errorf("the run ended with %+v, want 2407 plans, 2404 payouts of 2575.00 together, 1 failure", last)
		}
	})
}

// A plan that has turned up since the run was started counts among its plans.
func TestR5_MorePlansThanWereCounted(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.start("2026-05-15")
		w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
		if run := w.run("2026-05-15"); run.PlansTotal != 1 || run.PlansDone != 1 || run.PayoutsCount != 1 {
			t.Errorf("%d of %d plans are done, %d are paid; want 1 of 1", run.PlansDone, run.PlansTotal, run.PayoutsCount)
		}
	})
}
