package ledger_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// What is recorded, or approved, at any call of a run in turn counts for its
// payout or for the next one, and is neither lost nor paid twice. Rule C4.
func TestR2_C4_RecordedAtEveryCall(t *testing.T) {
	const payDate = "2026-05-15"
	happens := func(w *world) {
		a, c, d := w.plans.names()[0], w.plans.names()[3], w.plans.names()[4]
		more := newWorld(w.tester, w.db, w.program) // records as another process does
		more.plans = w.plans
		more.record(
			more.entry(a, "late", "2026-04", 10_00),     // more in a month that is due
			more.entry(a, "older", "2026-02", 20_00),    // a month that had nothing
			more.entry(c, "reversal", "2026-04", -5_00), // less in a month that is due
			more.entry(d, "late", "2026-04", 1_00),
		)
		w.plan("d", 100_00) // approved
	}
	// What all runs have paid in the end. Some of it on the pay date, some on the next.
	want := map[string]int64{
		"a 2026-04": 60_00, "a 2026-02": 20_00, "a growth 2026-04": 5_00, "b 2026-04": 100_00,
		"c 2026-03": 30_00, "c 2026-04": 35_00, "c 2026-05": 9_00, "d 2026-04": 31_00, "e 2026-03": 20_00, "e 2026-04": 60_00,
		"f 2026-04": 0, "f 2026-05": 0,
	}
	onEach(t, func(t *testing.T, db store.DB) {
		calls := &tap{DB: db}
		if err := hardMonth(t, db, "untouched").attempt(t.Context(), calls, payDate, true); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for k := 1; k <= calls.all; k++ {
			group.Go(func() {
				w := hardMonth(t, db, fmt.Sprint("azure-", k))
				happened := false
				beside := &tap{DB: db, through: func(c call) error {
					if c.nthOfAll == k {
						happens(w)
						happened = true
					}
					return c.do()
				}}
				if err := w.attempt(t.Context(), beside, payDate, true); err != nil || !happened {
					t.Errorf("a run with recording at call %d: %v; it happened: %t", k, err, happened)
				}
				w.record(w.entry(w.plan("c", 100_00), "", "2026-05", 9_00), w.entry(w.plan("e", 100_00), "", "2026-04", 50_00)) // to net with
				w.run("2026-06-15")
				w.books() // are they in order?
				if diff := cmp.Diff(want, w.paid()); diff != "" {
					t.Errorf("recording at call %d: paid in the end (-want +got):\n%s", k, diff)
				}
			})
		}
		group.Wait()
	})
}

// Recording goes on while runs are worked, again and again, by two processes: in
// the end all is recorded, and paid up to the limit, once.
func TestR2_RecordingBesideRuns(t *testing.T) {
	const recorders, each, limit = 4, 30, 50_00
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var plans []string
		for _, partner := range []string{"a", "b", "c"} {
			plans = append(plans, w.plan(partner, limit), w.planOf(partner, "growth", limit))
		}
		months := []string{"2026-03", "2026-04"}
		want := map[string]int64{}
		var recording, running sync.WaitGroup
		for r := range recorders {
			var batches [][]ledger.Entry
			for i := range each {
				var batch []ledger.Entry
				for k := range 1 + i%3 {
					plan, earned, cents := plans[(r+i+k)%len(plans)], months[(i+k)%2], int64((i*7+k*3+r)%200-20)
					if cents == 0 {
						cents = 1
					}
					batch = append(batch, w.entry(plan, "", earned, cents))
					want[plan+" "+earned] += cents
				}
				batches = append(batches, batch)
			}
			recording.Go(func() {
				for _, batch := range batches {
					for _, outcome := range ledger.New(db).Record(t.Context(), w.now, batch) {
						if outcome.Err != nil || outcome.Duplicate {
							t.Errorf("record beside a run: %+v", outcome)
						}
					}
				}
			})
		}
		done := make(chan struct{})
		for n := range 2 {
			running.Go(func() {
				for i := 0; ; i++ {
					// Runs of two pay dates at once, each started again and again.
					payDate := []string{"2026-05-15", "2026-06-15"}[(n+i)%2]
					if err := w.attempt(t.Context(), db, payDate, true); err != nil {
						t.Errorf("run beside recording: %v", err)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		recording.Wait()
		close(done)
		running.Wait()
		for _, plan := range plans {
			w.earn(plan, "2026-05", 40_00) // to net with what was reversed after it was paid
		}
		w.run("2026-07-15")
		w.books() // are they in order?
		for _, plan := range plans {
			for _, earned := range months {
				cents := want[plan+" "+earned]
				if cents <= 0 {
					t.Fatalf("%s of %s earns %d, and the test tests nothing", earned, plan, cents)
				}
				if got, paid := w.total(plan, earned); got != cents || paid != min(cents, limit) {
					t.Errorf("%s of %s earned %d and was paid %d, want %d and %d", earned, short(plan), got, paid, cents, min(cents, limit))
				}
			}
		}
		if marks := w.marks(); len(marks) > 0 {
			t.Errorf("nothing is due, and %q is marked", marks)
		}
	})
}

// Runs of two pay dates are worked at once, each by two processes: together they pay what is due once.
func TestR2_TwoPayDatesAtOnce(t *testing.T) {
	const rounds = 6
	onEach(t, func(t *testing.T, db store.DB) {
		var rounded sync.WaitGroup
		for round := range rounds {
			rounded.Go(func() {
				w := hardMonth(t, db, fmt.Sprint("azure-", round))
				w.plans.fail("partners/f/plans/"+w.program+".coop.fy26", nil)
				var working sync.WaitGroup
				for n := range 4 {
					working.Go(func() {
						if err := w.attempt(t.Context(), db, []string{"2026-05-15", "2026-06-15"}[n%2], true); err != nil {
							t.Errorf("round %d: %v", round, err)
						}
					})
				}
				working.Wait()
				w.run("2026-06-15") // May's, where June's payout was made before
				w.run("2026-07-15")
				w.books()
				want := map[string]int64{
					"a 2026-04": 50_00, "a growth 2026-04": 5_00, "b 2026-04": 100_00, "c 2026-03": 30_00, "c 2026-04": 40_00, "d 2026-04": 0,
					"e 2026-03": 50_00, "e 2026-04": 0, "f 2026-04": 70_00, "f 2026-05": 70_00,
				}
				if diff := cmp.Diff(want, w.paid()); diff != "" {
					t.Errorf("round %d: paid (-want +got):\n%s", round, diff)
				}
			})
		}
		rounded.Wait()
	})
}
