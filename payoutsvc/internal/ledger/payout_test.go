package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// onePayout is a world with a payout of 10.00 on 2026-05-15.
func onePayout(t tester, db store.DB) (w *world, plan string) {
	w = newWorld(t, db, "azure")
	plan = w.plan("contoso", 100_00)
	w.earn(plan, "2026-04", 10_00)
	w.run("2026-05-15")
	return w, plan
}

// inState returns the plans that have a payout of a state on a pay date.
func (w *world) inState(state payout.State, payDate string) []string {
	w.Helper()
	query := ledger.PayoutsQuery{State: state, PayDate: date(payDate), Page: listing.Page{Size: 1000}}
	query.Keep = func(p payout.Payout) bool { return p.Program == "programs/"+w.program }
	payouts, after, err := w.ledger.Payouts(w.Context(), query)
	if err != nil || after != "" {
		w.Fatalf("payouts that are %s on %s: %v, and more after %q", state, payDate, err, after)
	}
	var plans []string
	for _, p := range payouts {
		plans = append(plans, short(p.Plan))
	}
	return plans
}

// Each move is stored, found by its state, and changes nothing that was paid.
func TestR6_Moves(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w, plan := onePayout(t, db)
		_ = w.run("2026-06-15")
		want, err := w.ledger.Payout(t.Context(), plan, date("2026-05-15"))
		if err != nil {
			t.Fatal(err)
		}
		for i, test := range []struct {
			name  string
			rule  func(*payout.Payout) error
			state payout.State
			want  string // "" where it is allowed
		}{
			{"retry", func(p *payout.Payout) error { return p.Retry(w.now) }, payout.Scheduled, "PAYOUT_STATE"},
			{"fail", func(p *payout.Payout) error { return p.Fail("account closed", w.now) }, payout.Failed, ""},
			{"confirm what failed", func(p *payout.Payout) error { return p.Confirm("wire-1", w.now) }, payout.Failed, "PAYOUT_STATE"},
			{"retry", func(p *payout.Payout) error { return p.Retry(w.now) }, payout.Scheduled, ""},
			{"fail again", func(p *payout.Payout) error { return p.Fail("bank closed", w.now) }, payout.Failed, ""},
			{"retry again", func(p *payout.Payout) error { return p.Retry(w.now) }, payout.Scheduled, ""},
			{"confirm", func(p *payout.Payout) error { return p.Confirm("wire-1", w.now) }, payout.Paid, ""},
			{"confirm again", func(p *payout.Payout) error { return p.Confirm("wire-1", w.now) }, payout.Paid, ""},
			{"confirm otherwise", func(p *payout.Payout) error { return p.Confirm("wire-2", w.now) }, payout.Paid, "PAYOUT_STATE"},
			{"fail what is paid", func(p *payout.Payout) error { return p.Fail("late", w.now) }, payout.Paid, "PAYOUT_STATE"},
		} {
			w.now = w.now.Add(time.Hour)
			got, err := w.ledger.UpdatePayout(t.Context(), plan, date("2026-05-15"), test.rule)
			if fault.ReasonOf(err) != test.want || test.want == "" && err != nil {
				t.Errorf("%d %s: %v, want %q", i, test.name, err, test.want)
			}
			if err == nil {
				if err := test.rule(&want); err != nil {
					t.Fatalf("%d %s: %v", i, test.name, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d %s: what is returned (-want +got):\n%s", i, test.name, diff)
				}
			}
			stored, err := w.ledger.Payout(t.Context(), plan, date("2026-05-15"))
			if diff := cmp.Diff(want, stored); err != nil || diff != "" || stored.State != test.state {
				t.Errorf("%d %s: what is stored: %s, %v (-want +got):\n%s", i, test.name, stored.State, err, diff)
			}
			for _, state := range []payout.State{payout.Scheduled, payout.Paid, payout.Failed} {
				if found := slices.Contains(w.inState(state, "2026-05-15"), "contoso"); found != (state == test.state) {
					t.Errorf("%d %s: it is %s, and found among what is %s: %t", i, test.name, test.state, state, found)
				}
			}
			if _, paid := w.total(plan, "2026-04"); paid != 10_00 {
				t.Errorf("%d %s: 2026-04 was paid %d, want 10.00 whatever becomes of the payout", i, test.name, paid)
			}
		}
	})
}

// A failed payout still counts as paid: it is retried, and not computed again.
func TestR6_FailedCountsAsPaid(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w, plan := onePayout(t, db)
		if _, err := w.ledger.UpdatePayout(t.Context(), plan, date("2026-05-15"), func(p *payout.Payout) error { return p.Fail("closed", w.now) }); err != nil {
			t.Fatal(err)
		}
		w.earn(plan, "2026-04", 1_00)
		w.run("2026-05-15")
		w.run("2026-06-15")
		want := []string{
			"contoso: on 2026-05-15 USD 10.00 = 2026-04 10", "contoso: on 2026-06-15 USD 1.00 = 2026-04 1",
			"contoso: 2026-04 earned USD 11.00, paid USD 11.00",
		}
		if diff := cmp.Diff(want, w.books()); diff != "" {
			t.Errorf("books (-want +got):\n%s", diff)
		}
	})
}

// Of many that confirm a payout with references of their own, one is heard; and
// so of one that confirms and one that fails it.
func TestR6_ConfirmedAtOnce(t *testing.T) {
	const at = 12
	for _, test := range []struct {
		name string
		rule func(n int, now time.Time) func(*payout.Payout) error
		want int // how many succeed
	}{
		{"other references", func(n int, now time.Time) func(*payout.Payout) error {
			return func(p *payout.Payout) error { return p.Confirm(fmt.Sprint("wire-", n), now) }
		}, 1},
		{"one reference", func(_ int, now time.Time) func(*payout.Payout) error {
			return func(p *payout.Payout) error { return p.Confirm("wire", now) }
		}, at},
		{"confirmed and failed", func(n int, now time.Time) func(*payout.Payout) error {
			if n%2 == 0 {
				return func(p *payout.Payout) error { return p.Fail(fmt.Sprint("reason ", n), now) }
			}
			return func(p *payout.Payout) error { return p.Confirm(fmt.Sprint("wire-", n), now) }
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w, plan := onePayout(t, db)
				var mu sync.Mutex
				var heard []payout.Payout
				var group sync.WaitGroup
				for n := range at {
					group.Go(func() {
						got, err := ledger.New(db).UpdatePayout(t.Context(), plan, date("2026-05-15"), test.rule(n, w.now))
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == nil:
							heard = append(heard, got)
						case fault.ReasonOf(err) != "PAYOUT_STATE":
							t.Errorf("%d: %v, want PAYOUT_STATE", n, err)
						}
					})
				}
				group.Wait()
				if len(heard) != test.want {
					t.Fatalf("%d of %d were told that they were heard, want %d", len(heard), at, test.want)
				}
				stored, err := w.ledger.Payout(t.Context(), plan, date("2026-05-15"))
				for _, one := range heard {
					if diff := cmp.Diff(one, stored); err != nil || diff != "" {
						t.Errorf("one that was heard was told another thing than is stored: %v (-told +stored):\n%s", err, diff)
					}
				}
				w.payoutsOf(plan) // looks for it by its state
			})
		})
	}
}

// A rule that refuses changes nothing, and a confirmation that got lost may be sent again.
func TestR6_Errors(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w, plan := onePayout(t, db)
		refusal := errors.New("not today")
		_, err := w.ledger.UpdatePayout(t.Context(), plan, date("2026-05-15"), func(p *payout.Payout) error {
			p.State, p.Amount = payout.Paid, usd(1)
			return refusal
		})
		if stored, _ := w.ledger.Payout(t.Context(), plan, date("2026-05-15")); !errors.Is(err, refusal) || stored.State != payout.Scheduled || !stored.Amount.Equal(usd(10_00)) {
			t.Errorf("a refusing rule: %v, and the payout is %+v; want it unchanged", err, stored)
		}
		confirm := func(p *payout.Payout) error { return p.Confirm("wire-1", w.now) }
		lossy := ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit {
				return unheard(c)
			}
			return c.do()
		}})
		if _, err := lossy.UpdatePayout(t.Context(), plan, date("2026-05-15"), confirm); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a confirmation that got lost: %v, want ErrUnavailable", err)
		}
		if got, err := lossy.UpdatePayout(t.Context(), plan, date("2026-05-15"), confirm); err != nil || got.Reference != "wire-1" {
			t.Errorf("confirmed again: %+v, %v; want that it writes nothing, and succeeds", got, err)
		}
		for _, test := range []struct{ plan, payDate, want string }{
			{plan, "2026-06-15", "PAYOUT_NOT_FOUND"},
			{w.plan("contos", 1), "2026-05-15", "PAYOUT_NOT_FOUND"},
			{"partners/contoso/plans/azure/growth", "2026-05-15", ""},
			{"contoso", "2026-05-15", ""},
		} {
			_, err := w.ledger.UpdatePayout(t.Context(), test.plan, date(test.payDate), confirm)
			_, getErr := w.ledger.Payout(t.Context(), test.plan, date(test.payDate))
			if err == nil || getErr == nil || fault.ReasonOf(err) != test.want || fault.ReasonOf(getErr) != test.want {
				t.Errorf("the payout of %s on %s: %v, %v; want %q", test.plan, test.payDate, err, getErr, test.want)
			}
		}
		w.put("contoso", "payouts", "contoso/azure.coop.fy26/2026-05-15", "{")
		_, err = w.ledger.UpdatePayout(t.Context(), plan, date("2026-05-15"), confirm)
		if _, getErr := w.ledger.Payout(t.Context(), plan, date("2026-05-15")); err == nil || getErr == nil {
			t.Errorf("a damaged payout: %v, %v; want errors", err, getErr)
		}
	})
}
