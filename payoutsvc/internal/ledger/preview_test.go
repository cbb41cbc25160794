package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// preview reads a whole preview of the run of 2026-05-15, size plans at a time.
func (w *world) preview(size int) (payouts []payout.Payout, failures []ledger.Failure) {
	w.Helper()
	query := ledger.PreviewQuery{RunName: w.runName("2026-05-15"), Now: w.now, Page: listing.Page{Size: size}}
	for range 1000 {
		part, err := w.ledger.Preview(w.Context(), w.plans, query)
		if err != nil {
			w.Fatalf("preview: %v", err)
		}
		if n := len(part.Payouts) + len(part.Failures); n > size {
			w.Errorf("a page of %d plans has %d payouts and failures", size, n)
		}
		payouts, failures = append(payouts, part.Payouts...), append(failures, part.Failures...)
		if part.After == "" {
			return payouts, failures
		}
		query.Page.After = part.After
	}
	w.Fatalf("a preview of pages of %d does not end", size)
	return nil, nil
}

// What previews look at is their caller's: plans, and partitions that have none. Else one caller could keep a store at work.
func TestR4_PreviewsAreWeighed(t *testing.T) {
	for name, plans := range map[string]int{"of nothing": 0, "of plans": 1000} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, openPebble(t), "azure")
			for i := range plans {
				w.earn(w.plan(fmt.Sprintf("p%d", i), 0), "2026-04", 1)
			}
			l := limit.New(limit.Settings{RateLimit: 1}, nil, slog.New(slog.DiscardHandler)) // after a burst of 30,000 looks, 20 a second
			admitted, release, err := l.Admit(t.Context(), "greedy")
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			looked, counted := 0, &tap{}
			for err == nil && looked < 40_000 {
				counted = &tap{DB: w.db}
				w.ledger = ledger.New(counted)
				ctx, cancel := context.WithTimeout(admitted, 2*time.Second)
				_, err = w.ledger.Preview(ctx, w.plans, ledger.PreviewQuery{
					RunName: w.runName("2026-05-15"), Now: w.now, Page: listing.Page{Size: 1000},
				})
				cancel()
				looked += max(plans, w.db.Partitions())
			}
			if fault.ReasonOf(err) != "SCAN_TOO_LONG" || looked < 28_000 || looked > 32_000 {
				t.Errorf("%v after %d looks, want SCAN_TOO_LONG after about 30,000", err, looked)
			}
			if plans > 0 && counted.all != 0 { // of nothing, it may be refused at the second partition
				t.Errorf("the preview that was refused has read %d times, want that it is refused before", counted.all)
			}
		})
	}
}

// A preview is what the run then does, and writes nothing, in pages of any size and of single plans.
func TestR4_Preview(t *testing.T) {
	const payDate = "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		w := hardMonth(t, db, "azure")
		other := hardMonth(t, db, "azure-2")
		before := w.books()
		w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit {
				t.Error("a preview has written")
			}
			return c.do()
		}})
		payouts, failures := w.preview(100)
		for size := 1; size < 9; size++ {
			samePayouts, sameFailures := w.preview(size)
			if diff := cmp.Diff(payouts, samePayouts) + cmp.Diff(failures, sameFailures); diff != "" {
				t.Errorf("in pages of %d the preview is another (-want +got):\n%s", size, diff)
			}
		}
		var one ledger.Preview
		for _, plan := range w.plans.names() {
			query := ledger.PreviewQuery{RunName: w.runName(payDate), Plan: plan, Now: w.now, Page: listing.Page{Size: 1}}
			part, err := w.ledger.Preview(t.Context(), w.plans, query)
			if err != nil || part.After != "" || len(part.Payouts)+len(part.Failures) > 1 {
				t.Errorf("the preview of %s is %+v, %v", short(plan), part, err)
			}
			one.Payouts, one.Failures = append(one.Payouts, part.Payouts...), append(one.Failures, part.Failures...)
		}
		if diff := cmp.Diff(before, w.books()); diff != "" {
			t.Errorf("the previews have changed the books (-before +after):\n%s", diff)
		}

		run := w.run(payDate)
		var paid []payout.Payout
		for _, plan := range w.plans.names() {
			if p, err := w.ledger.Payout(t.Context(), plan, date(payDate)); err == nil {
				paid = append(paid, p)
			}
		}
		byPlan := cmpopts.SortSlices(func(a, b payout.Payout) bool { return a.Plan < b.Plan })
		if diff := cmp.Diff(paid, payouts, byPlan) + cmp.Diff(run.Failures, failures); diff != "" || len(paid) != 4 {
			t.Errorf("the run did another thing than the preview (-paid +previewed):\n%s", diff)
		}
		if diff := cmp.Diff(paid, one.Payouts, byPlan) + cmp.Diff(run.Failures, one.Failures); diff != "" {
			t.Errorf("the run did another thing than the previews of single plans (-paid +previewed):\n%s", diff)
		}
		if payouts, failures = w.preview(100); len(payouts) != 0 || len(failures) != 1 {
			t.Errorf("after the run the preview has payouts %v and failures %v, want the one failure", payouts, failures)
		}
		if payouts, _ = other.preview(2); len(payouts) != 4 {
			t.Errorf("the preview of another program has %d payouts, want 4", len(payouts))
		}
	})
}

func TestR4_PreviewFails(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.earn(plan, "2026-04", 10_00)
		out := fault.New(fault.Unavailable, "PLANSVC_UNAVAILABLE", "out")
		for _, test := range []struct {
			name, program, plan, after, want string
			answer                           error
		}{
			{"terms are out", "programs/azure", "", "", "PLANSVC_UNAVAILABLE", out},
			{"terms of the plan are out", "programs/azure", plan, "", "PLANSVC_UNAVAILABLE", out},
			{"a forged cursor", "programs/azure", "", "x/contoso", "PAGE_TOKEN_INVALID", nil},
			{"a forged cursor beyond all partitions", "programs/azure", "", fmt.Sprint(few) + "/", "", nil},
			{"a forged cursor without a plan", "programs/azure", "", fmt.Sprint(few - 1), "", nil},
			{"no name of a program", "azure", "", "", "*", nil},
			{"no name of a plan", "programs/azure", "contoso", "", "*", nil},
			{"a plan without earnings", "programs/azure", w.planOf("contoso", "growth", 1), "", "", nil},
			{"a plan of another program", "programs/azur", plan, "", "", nil},
		} {
			w.plans.answer = func([]string) error { return test.answer }
			got, err := w.ledger.Preview(t.Context(), w.plans, ledger.PreviewQuery{
				RunName: ledger.RunName{Program: test.program, PayDate: date("2026-05-15")}, Plan: test.plan, Now: w.now,
				Page: listing.Page{Size: 10, After: test.after},
			})
			switch {
			case test.want == "" && (err != nil || len(got.Failures) > 0 || got.After != ""):
				t.Errorf("%s: %+v, %v; want a preview that has ended", test.name, got, err)
			case test.want == "*" && err == nil, test.want != "" && test.want != "*" && fault.ReasonOf(err) != test.want:
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
		}
		broken := errors.New("broken disk")
		for _, failing := range []operation{get, scan} {
			w.plans.answer = nil
			l := ledger.New(&tap{DB: db, through: func(c call) error {
				if c.operation == failing {
					return broken
				}
				return c.do()
			}})
			for _, plan := range []string{"", plan} {
				query := ledger.PreviewQuery{RunName: w.runName("2026-05-15"), Plan: plan, Now: w.now, Page: listing.Page{Size: 10}}
				if got, err := l.Preview(t.Context(), w.plans, query); !errors.Is(err, broken) {
					t.Errorf("a preview of plan %q where every %s fails: %+v, %v", plan, failing, got, err)
				}
			}
		}
	})
}
