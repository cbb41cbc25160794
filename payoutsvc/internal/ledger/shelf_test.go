package ledger_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// shelved returns the marks of the world's program that are on a shelf, in order.
func (w *world) shelved() []string {
	w.Helper()
	return w.marksIn("shelved")
}

// A plan that has lapsed is not looked at again, until its program gives it more
// time: then it can be approved, and is paid for every month by the first run. Rule C5.
func TestC5_LapsedPlanComesBack(t *testing.T) {
	const plans = 1100 // more than are put back in one step
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var entries []ledger.Entry
		for i := range plans {
			plan := w.planOf("contoso", fmt.Sprint("f", i), 0)
			entries = append(entries, w.entry(plan, "", "2026-03", 10_00), w.entry(plan, "", "2026-04", 10_00))
		}
		w.record(entries...)
		w.plans.changeProgram(func(terms *payout.Terms) { terms.Lapsed = true })
		if run := w.run("2026-05-15"); run.PlansDone != plans || run.PayoutsCount != 0 || run.FailuresCount != 0 {
			t.Errorf("the run in which they lapsed looked at %d plans, made %d payouts, failed %d", run.PlansDone, run.PayoutsCount, run.FailuresCount)
		}
		if got := len(w.shelved()); got != 2*plans || len(w.marks()) != 0 {
			t.Errorf("%d months are shelved, and %d have marks; want %d and none", got, len(w.marks()), 2*plans)
		}
		if run := w.run("2026-06-15"); run.PlansDone != 0 {
			t.Errorf("the next run looked at %d plans, want none", run.PlansDone)
		}

		w.plans.changeProgram(func(terms *payout.Terms) { terms.Lapsed = false })
		approved := w.plans.get("partners/contoso/plans/azure.f7.fy26")
		approved.Approved, approved.Limits = true, []payout.Limit{{Effective: month("2025-07"), Amount: usd(100_00)}}
		w.plans.set(approved)
		query := ledger.PreviewQuery{RunName: w.runName("2026-07-15"), Now: w.now, Page: listing.Page{Size: 5000}}
		preview, err := w.ledger.Preview(t.Context(), w.plans, query)
		if err != nil || len(preview.Payouts) != 1 || !preview.Payouts[0].Amount.Equal(usd(20_00)) {
			t.Errorf("preview: %v, %v; want the payout of 20 that the run will make", preview.Payouts, err)
		}
		query.Plan = approved.Plan
		if one, err := w.ledger.Preview(t.Context(), w.plans, query); err != nil || len(one.Payouts) != 1 {
			t.Errorf("preview of the plan: %v, %v; want its payout", one.Payouts, err)
		}
		if run := w.run("2026-07-15"); run.PlansDone != plans || run.PayoutsCount != 1 {
			t.Errorf("the run after the program changed looked at %d plans and made %d payouts, want %d and 1", run.PlansDone, run.PayoutsCount, plans)
		}
		if got, want := len(w.marks()), 2*(plans-1); got != want || len(w.shelved()) != 0 {
			t.Errorf("%d months have marks, and %d are shelved; want %d and none", got, len(w.shelved()), want)
		}
	})
}

// What is negative for good is netted all the same with an earning that was
// admitted before the year was closed, and written after the run.
func TestC3_NegativeForGoodIsNetted(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.earn(plan, "2026-04", 50_00)
		w.run("2026-05-15")
		w.earn(plan, "2026-04", -30_00)
		admitted := w.now
		w.now = w.plans.get(plan).LateUntil.AddDate(0, 0, 2)
		w.run("2026-10-15")
		if diff := cmp.Diff([]string{"mark 2026-04 of contoso"}, w.shelved()); diff != "" || len(w.marks()) != 0 {
			t.Errorf("marks %v, shelved (-want +got):\n%s", w.marks(), diff)
		}
		closed := w.now
		w.now = admitted
		w.earn(plan, "2026-06", 45_00)
		w.now = closed
		if run := w.run("2026-11-15"); len(run.PaidTotals) != 1 || !run.PaidTotals[0].Equal(usd(15_00)) {
			t.Errorf("paid %v, want 45 less the 30 that were paid too much", run.PaidTotals)
		}
	})
}

// What is shelved is shelved by the windows that its terms were of, also where these change while a run is at work.
func TestShelfIsOfOneStateOfTheProgram(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 0), "2026-04", 50_00)
		w.earn(w.plan("fabrikam", 0), "2026-04", 50_00)
		lapse := func(terms *payout.Terms) { terms.Lapsed = true }
		w.plans.changeProgram(lapse)
		w.run("2026-05-15")
		late := w.plan("litware", 0)
		w.earn(late, "2026-04", 50_00)
		terms := w.plans.get(late)
		lapse(&terms)
		w.plans.set(terms)
		w.plans.answer = func([]string) error { // between the windows and the terms
			w.plans.answer = nil
			w.plans.windows += "1"
			return nil
		}
		w.run("2026-06-15") // puts Litware's on a shelf by the windows of its terms
		if got := len(w.shelved()); got != 3 {
			t.Fatalf("%d plans are shelved, want 3", got)
		}
		if run := w.run("2026-07-15"); run.PlansDone != 2 || len(w.shelved()) != 3 {
			t.Errorf("the next run looked at %d plans, and %d are shelved; want it to look again at the 2 that were there before", run.PlansDone, len(w.shelved()))
		}
	})
}

// Of two runs at once, one knows an older state of the program: what it shelves is not taken for what the other one may, but is looked at
// again. Rule C5.
func TestC5_RunsThatKnowOtherStatesOfTheProgram(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		back, lapsed := w.plan("contoso", 0), w.planOf("contoso", "lapsed", 0)
		w.earn(back, "2026-04", 70_00)
		w.earn(lapsed, "2026-04", 50_00)
		only := func(plan string) func(*payout.Terms) {
			return func(terms *payout.Terms) { terms.Lapsed = terms.Plan == plan }
		}
		w.plans.changeProgram(only(lapsed))
		windows := w.plans.windows
		older := sync.OnceFunc(func() { // when the newer run has read what is shelved, and is about to shelve more
			w.plans.changeProgram(only(back))
			w.run("2026-05-15")
			if got := len(w.shelved()); got != 1 {
				t.Errorf("the older run has shelved %d months, want 1", got)
			}
			w.plans.changeProgram(only(lapsed))
			w.plans.windows = windows
		})
		err := w.attempt(t.Context(), &tap{DB: db, through: func(c call) error {
			puts := func(write store.Write) bool { return write.Kind == store.WritePut && write.Key.Collection == "shelved" }
			if c.operation == commit && slices.ContainsFunc(c.batch.Writes(), puts) {
				older()
			}
			return c.do()
		}}, "2026-06-15", true)
		if err != nil {
			t.Fatal(err)
		}
		w.approve(back, 100_00)
		w.run("2026-07-15")
		if got := w.paidOn(back, "2026-07-15"); got != 70_00 {
			t.Errorf("the plan that had lapsed by the older state is paid %d, want 7000; %v is shelved", got, w.shelved())
		}
	})
}

// Where the program's state can't be told, plans are paid, and nothing is shelved.
func TestR3_ProgramCannotBeRead(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 100_00), "2026-04", 50_00)
		w.earn(w.plan("fabrikam", 0), "2026-04", 50_00)
		w.plans.changeProgram(func(terms *payout.Terms) { terms.Lapsed = !terms.Approved })
		w.plans.gone = fault.New(fault.NotFound, "PROGRAM_NOT_FOUND", "there is no program")
		if run := w.run("2026-05-15"); run.PayoutsCount != 1 || len(w.marks()) != 1 || len(w.shelved()) != 0 {
			t.Errorf("made %d payouts, %v has marks, %v is shelved; want 1 payout and Fabrikam's mark", run.PayoutsCount, w.marks(), w.shelved())
		}
		w.plans.gone = nil
		w.run("2026-06-15")
		if got := w.shelved(); len(got) != 1 {
			t.Errorf("%v is shelved, want Fabrikam's month", got)
		}
	})
}
