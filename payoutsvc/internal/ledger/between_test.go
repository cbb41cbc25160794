package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// paidOn is what a plan is paid on a pay date, in cents, 0 for nothing.
func (w *world) paidOn(plan, payDate string) (inCents int64) {
	w.Helper()
	for _, p := range w.payoutsOf(plan) {
		if p.PayDate == date(payDate) {
			inCents, _ = p.Amount.Minor()
		}
	}
	return inCents
}

// A run pays no more than was due at some moment: where a reversal of a month that has nothing due is acknowledged, and then an
// earning of another month, it does not pay the earning and leave out the reversal. Rule C3.
func TestC3_ReversalWhileARunLooks(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(w *world, record func()) store.DB // has record called while the run looks
	}{
		{"while terms are read", func(w *world, record func()) store.DB {
			w.plans.answer = func([]string) error { record(); return nil }
			return w.db
		}},
		{"between two looks at marks", func(w *world, record func()) store.DB {
			scans := 0
			return &tap{DB: w.db, through: func(c call) error {
				err := c.do()
				if c.operation == scan && c.partition == store.PartitionOf("contoso", few) {
					scans++
					if scans == 2 {
						record()
					}
				}
				return err
			}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w := newWorld(t, db, "azure")
				plan := w.plan("contoso", 100_00)
				w.earn(plan, "2026-03", 50_00)
				w.run("2026-04-15")
				w.earn(plan, "2026-04", 10_00)
				reversal, earning := w.entry(plan, "", "2026-03", -50_00), w.entry(plan, "", "2026-04", 30_00)
				once := sync.OnceFunc(func() { w.record(reversal); w.record(earning) })
				// What is due is 10, then -40, then -10.
				if err := w.attempt(t.Context(), test.between(w, once), "2026-05-15", true); err != nil {
					t.Fatal(err)
				}
				if got := w.paidOn(plan, "2026-05-15"); got != 0 && got != 10_00 {
					t.Errorf("paid %d, and never more than 1000 was due", got)
				}
			})
		})
	}
}

// A run that was stopped half way, and is resumed when the program has given partners more time, looks at the plans that come back by that,
// those that it had passed as well, and nets what is negative. Rules C3, C5, R2.
func TestR2_ResumedWhenTheProgramHasChanged(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan, lapsed := w.plan("contoso", 100_00), w.planOf("contoso", "lapsed", 0)
		w.earn(plan, "2026-04", 50_00)
		w.earn(lapsed, "2026-04", 70_00)
		w.run("2026-05-15")
		w.earn(plan, "2026-04", -30_00)
		w.lapse(lapsed)
		late := w.plans.get(plan).LateUntil
		w.now = late.AddDate(0, 0, 2)
		w.run("2026-10-15")
		if got := len(w.shelved()); got != 2 {
			t.Fatalf("%d months are shelved, want 2", got)
		}
		var entries []ledger.Entry
		for i := range 1001 { // more than a page, and behind the others
			entries = append(entries, w.entry(w.planOf("contoso", fmt.Sprintf("z%05d", i), 100_00), "", "2026-06", 1_00))
		}
		admitted := late.Add(-1)
		for i, outcome := range w.ledger.Record(t.Context(), admitted, entries) {
			if outcome.Err != nil {
				t.Fatalf("earning %d: %v", i, outcome.Err)
			}
		}
		w.stopAfterAPage("2026-11-15")
		w.plans.changeProgram(func(terms *payout.Terms) { terms.LateUntil, terms.Lapsed = terms.LateUntil.AddDate(1, 0, 0), false })
		w.approve(lapsed, 100_00)
		w.earn(plan, "2026-06", 45_00)
		if _, err := w.worker(ledger.New(db)).Work(t.Context(), w.runName("2026-11-15")); err != nil {
			t.Fatal(err)
		}
		if got := w.paidOn(plan, "2026-11-15"); got != 15_00 {
			t.Errorf("paid %d, want 4500 less the 3000 that were paid too much", got)
		}
		if got := w.paidOn(lapsed, "2026-11-15"); got != 70_00 {
			t.Errorf("the plan that was approved since is paid %d, want 7000", got)
		}
	})
}

func (w *world) lapse(plan string) {
	terms := w.plans.get(plan)
	terms.Lapsed = true
	w.plans.set(terms)
}

func (w *world) approve(plan string, limit int64) {
	terms := w.plans.get(plan)
	terms.Approved, terms.Limits = true, []payout.Limit{{Effective: month("2025-07"), Amount: usd(limit)}}
	w.plans.set(terms)
}

// stopAfterAPage starts a run, which ends after the first page of Contoso's partition.
func (w *world) stopAfterAPage(payDate string) {
	w.Helper()
	ctx, end := context.WithCancel(w.Context())
	defer end()
	commits := 0
	l := ledger.New(&tap{DB: w.db, through: func(c call) error {
		if c.operation == commit && c.partition == store.PartitionOf("contoso", few) {
			commits++
			if commits == 2 {
				end()
				return ctx.Err()
			}
		}
		return c.do()
	}})
	w.start(payDate)
	if _, err := w.worker(l).Work(ctx, w.runName(payDate)); err == nil {
		w.Fatal("the run was not stopped")
	}
}

// Where the program can't be read, a run looks at what is shelved as well: a plan that has come back is paid. Rules C5, R3.
func TestC5_ShelfWithoutProgram(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 0)
		w.earn(plan, "2026-04", 70_00)
		w.lapse(plan)
		w.run("2026-05-15")
		w.plans.changeProgram(func(terms *payout.Terms) { terms.Lapsed = false })
		w.approve(plan, 100_00)
		w.plans.gone = errors.New("plansvc has a defect")
		w.run("2026-06-15")
		if got := w.paidOn(plan, "2026-06-15"); got != 70_00 {
			t.Errorf("paid %d, want 7000", got)
		}
	})
}
