package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// One plan that cannot be computed is listed with its reason; the others are
// paid. Repaired, it is paid when the run is started again. Rule R1.
func TestR3_OnePlanFails(t *testing.T) {
	const payDate, good = "2026-05-15", 10_00
	for _, test := range []struct {
		name          string
		breaks        func(w *world, plan, id string)
		reason, names string // what the failure has, and says
		mends         func(w *world, plan, id string)
		paid          int64 // then
	}{
		{
			"its terms have an error",
			func(w *world, plan, _ string) {
				w.plans.fail(plan, fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", plan))
			},
			"PLAN_NOT_FOUND", "there is no plan",
			func(w *world, plan, _ string) { w.plans.fail(plan, nil) }, 7_00,
		},
		{
			"its terms have an error of no kind",
			func(w *world, plan, _ string) { w.plans.fail(plan, errors.New("garbled")) },
			"TERMS_UNREADABLE", "garbled",
			func(w *world, plan, _ string) { w.plans.fail(plan, nil) }, 7_00,
		},
		{
			"no call that asks for it is answered",
			func(w *world, plan, _ string) {
				w.plans.answer = func(plans []string) error {
					if slices.Contains(plans, plan) {
						return fault.New(fault.Invalid, "NAME_MALFORMED", "%s is malformed", plan)
					}
					return nil
				}
			},
			"NAME_MALFORMED", "is malformed",
			func(w *world, _, _ string) { w.plans.answer = nil }, 7_00,
		},
		{
			"what it earned is damaged",
			func(w *world, _, id string) { w.put("bad", "earned", id+"/2026-04", "7OO") },
			"TOTAL_DAMAGED", "/2026-04",
			func(w *world, _, id string) { w.put("bad", "earned", id+"/2026-04", "800") }, 8_00,
		},
		{
			"what it was paid is damaged",
			func(w *world, _, id string) { w.put("bad", "paid", id+"/2026-04", "") },
			"TOTAL_DAMAGED", "/2026-04",
			func(w *world, _, id string) { w.put("bad", "paid", id+"/2026-04", "200") }, 5_00,
		},
		{
			"its payout can't be held",
			func(w *world, plan, _ string) {
				terms := w.plans.get(plan)
				terms.Limits = []payout.Limit{{Effective: month("2025-07"), Amount: usd(math.MaxInt64)}}
				w.plans.set(terms)
				w.record(w.entry(plan, "", "2026-02", math.MaxInt64), w.entry(plan, "", "2026-03", 1))
			},
			"PAYOUT_TOO_LARGE", "can't be held in a payout",
			func(w *world, plan, _ string) { w.record(w.entry(plan, "", "2026-02", -math.MaxInt64)) }, 7_00 + 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w := newWorld(t, db, "azure")
				bad, id := w.plan("bad", 100_00), "bad/azure.coop.fy26"
				w.earn(bad, "2026-04", 7_00)
				others := []string{w.planOf("bad", "a", 100_00), w.planOf("bad", "d", 100_00), w.plan("fabrikam", 100_00)}
				for _, plan := range others {
					w.earn(plan, "2026-04", good)
				}
				test.breaks(w, bad, id)
				run := w.run(payDate)
				if run.State != ledger.Failed || run.FailuresCount != 1 || run.PayoutsCount != int64(len(others)) || run.PlansDone != 4 {
					t.Errorf("the run is %+v, want 1 failure beside %d payouts", run, len(others))
				}
				if f := run.Failures; len(f) != 1 || f[0].Plan != bad || f[0].Reason != test.reason || !strings.Contains(f[0].Message, test.names) {
					t.Errorf("the failures are %+v, want one of %s, %s, that says %q", f, bad, test.reason, test.names)
				}
				for _, plan := range others {
					if _, paid := w.total(plan, "2026-04"); paid != good {
						t.Errorf("%s was paid %d, want %d", short(plan), paid, good)
					}
				}
				if p, err := w.ledger.Payout(t.Context(), bad, date(payDate)); fault.ReasonOf(err) != "PAYOUT_NOT_FOUND" {
					t.Errorf("what can't be computed is paid: %+v, %v", p, err)
				}
				test.mends(w, bad, id)
				if run := w.run(payDate); run.State != ledger.Succeeded || run.FailuresCount != 0 {
					t.Errorf("the run is %+v after the repair, want no failure", run)
				}
				if p, err := w.ledger.Payout(t.Context(), bad, date(payDate)); err != nil || !p.Amount.Equal(usd(test.paid)) {
					t.Errorf("after the repair %s is paid, %v; want %s", p.Amount, err, usd(test.paid))
				}
			})
		})
	}
}

// What goes by itself fails no plan: the run waits, longer each time, and goes on.
func TestR3_WaitsForWhatIsOut(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		for i, out := range []error{
			fault.New(fault.Unavailable, "PLANSVC_UNAVAILABLE", "out"),
			fault.New(fault.Limit, "TOO_MANY_REQUESTS", "busy"),
			fault.New(fault.Conflict, "ABORTED", "aborted"),
			fault.New(fault.Denied, "DENIED", "the certificate is not known yet"),
			fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "the certificate has expired"),
			fmt.Errorf("plansvc: %w", context.DeadlineExceeded),
			fmt.Errorf("terms: %w", store.ErrUnavailable),
		} {
			w := newWorld(t, db, fmt.Sprint("azure-", i))
			w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
			outage := 9
			w.plans.answer = func([]string) error {
				outage--
				if outage < 0 {
					return nil
				}
				return out
			}
			w.start("2026-05-15")
			worker := w.worker(w.ledger)
			var waits []time.Duration
			worker.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
			run, err := worker.Work(t.Context(), w.runName("2026-05-15"))
			if err != nil || run.State != ledger.Succeeded || run.PayoutsCount != 1 {
				t.Errorf("%v: the run is %+v, %v; want it through", out, run, err)
			}
			const ms = time.Millisecond
			want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 15000 * ms}
			if diff := cmp.Diff(want, waits); diff != "" {
				t.Errorf("%v: waits (-want +got):\n%s", out, diff)
			}
		}
	})
}

// What is neither a plan's own nor goes by itself ends the work with an error, and nobody is paid by it.
func TestR3_Defects(t *testing.T) {
	for _, test := range []struct {
		name   string
		breaks func(w *world, worker *ledger.Worker)
		names  string // what the error says
	}{
		{"terms of too few plans", func(w *world, worker *ledger.Worker) { worker.Terms = shortened{w.plans} }, "1 terms for 2 plans"},
		{"a damaged header", func(w *world, _ *ledger.Worker) {
			w.put("programs/"+w.program, "runs", w.program+"/2026-05-15", `{"program":`)
		}, `runs "azure/2026-05-15"`},
		{"damaged progress", func(w *world, _ *ledger.Worker) {
			w.put("contoso", "run_progress", w.program+"/2026-05-15", "{}}")
		}, `run_progress "azure/2026-05-15"`},
		{"a damaged mark", func(w *world, _ *ledger.Worker) {
			w.put("contoso", "unsettled", w.program+"/2026-00/contoso/azure.coop.fy26", "")
		}, `unsettled "azure/2026-00/`},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w := newWorld(t, db, "azure")
				w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
				w.earn(w.planOf("contoso", "growth", 100_00), "2026-04", 10_00)
				w.start("2026-05-15")
				worker := w.worker(w.ledger)
				test.breaks(w, worker)
				if _, err := worker.Work(t.Context(), w.runName("2026-05-15")); err == nil || !strings.Contains(err.Error(), test.names) {
					t.Errorf("worked: %v, want an error that says %s", err, test.names)
				}
				for _, plan := range w.plans.names() {
					if payouts := w.payoutsOf(plan); len(payouts) > 0 {
						t.Errorf("%s was paid %s", short(plan), payouts[0].Amount)
					}
				}
			})
		})
	}
}

// shortened is a source of terms that forgets the last plan.
type shortened struct{ ledger.Terms }

func (s shortened) PlanTerms(ctx context.Context, plans []string) ([]ledger.PlanTerms, error) {
	terms, err := s.Terms.PlanTerms(ctx, plans)
	if err != nil {
		return nil, err
	}
	return terms[:len(terms)-1], nil
}

// All failures are counted; the first hundred are listed, by plan.
func TestR3_ManyFailures(t *testing.T) {
	const count, listed = 260, 100
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var entries []ledger.Entry
		for i := range count {
			entries = append(entries, w.entry(w.plan(fmt.Sprintf("p%03d", i), 100_00), "", "2026-04", 1_00))
		}
		w.record(entries...)
		var want []string
		for i, plan := range w.plans.names() {
			w.plans.fail(plan, errors.New("garbled"))
			if i < listed {
				want = append(want, plan)
			}
		}
		run := w.run("2026-05-15")
		var got []string
		for _, f := range run.Failures {
			got = append(got, f.Plan)
		}
		if diff := cmp.Diff(want, got); run.FailuresCount != count || run.PayoutsCount != 0 || diff != "" {
			t.Errorf("%d failures and %d payouts, want %d and none (-want +got):\n%s", run.FailuresCount, run.PayoutsCount, count, diff)
		}
	})
}

// A run over plans of several currencies adds up each by itself.
func TestC6_Currencies(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		for partner, currency := range map[string]string{"a": "USD", "b": "JPY", "c": "KWD", "d": "JPY"} {
			terms := w.plans.get(w.plan(partner, 1))
			terms.Currency = currency
			terms.Limits[0].Amount = money.FromMinor(currency, math.MaxInt64)
			w.plans.set(terms)
			entry := w.entry(terms.Plan, "", "2026-04", 1)
			entry.Earning.Amount = money.FromMinor(currency, math.MaxInt64-1)
			w.record(entry)
		}
		var got []string
		for _, total := range w.run("2026-05-15").PaidTotals {
			got = append(got, total.String())
		}
		want := []string{"JPY 18446744073709551612", "KWD 9223372036854775.806", "USD 92233720368547758.06"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("paid totals (-want +got):\n%s", diff)
		}
	})
}
