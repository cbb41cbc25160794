package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// queries are all that the ledger can be asked for of a plan and a program, each with what it is called.
func queries(plan, program string) map[string]func(context.Context, *ledger.Ledger) error {
	page, name := listing.Page{Size: 10}, ledger.RunName{Program: program, PayDate: date("2026-05-15")}
	return map[string]func(context.Context, *ledger.Ledger) error{
		"Earning": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.Earning(ctx, plan, "order")
			return err
		},
		"Earnings": func(ctx context.Context, l *ledger.Ledger) error {
			_, _, err := l.Earnings(ctx, ledger.EarningsQuery{Plan: plan, Page: page})
			return err
		},
		"Totals": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.Totals(ctx, &payout.Terms{Plan: plan, Currency: "USD"}, month("2026-04"))
			return err
		},
		"AllTotals": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.AllTotals(ctx, &payout.Terms{Plan: plan, Currency: "USD"})
			return err
		},
		"Payout": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.Payout(ctx, plan, name.PayDate)
			return err
		},
		"UpdatePayout": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.UpdatePayout(ctx, plan, name.PayDate, func(*payout.Payout) error { return nil })
			return err
		},
		"Run": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.Run(ctx, name)
			return err
		},
		"Runs": func(ctx context.Context, l *ledger.Ledger) error {
			_, _, err := l.Runs(ctx, ledger.RunsQuery{Program: program, Page: page})
			return err
		},
		"Start": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.Start(ctx, ledger.StartRequest{RunName: name})
			return err
		},
		"LastScheduled": func(ctx context.Context, l *ledger.Ledger) error {
			_, err := l.LastScheduled(ctx, program)
			return err
		},
	}
}

// Where the store fails, or a name is none, everybody is told so, and never that there is nothing.
func TestErrorsSurface(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w, plan := onePayout(t, db)
		w.record(w.entry(plan, "order", "2026-04", 1_00))
		w.start("2026-05-15")
		broken := errors.New("broken disk")
		failing := ledger.New(&tap{DB: db, through: func(call) error { return broken }})
		for name, ask := range queries(plan, "programs/azure") {
			if err := ask(t.Context(), w.ledger); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := ask(t.Context(), failing); !errors.Is(err, broken) {
				t.Errorf("%s over a store that fails: %v, want its error", name, err)
			}
		}
		for name, ask := range map[string]func() error{
			"Payouts": func() error {
				_, _, err := failing.Payouts(t.Context(), ledger.PayoutsQuery{Page: listing.Page{Size: 10}})
				return err
			},
			"Unfinished": func() error { _, _, err := failing.Unfinished(t.Context()); return err },
		} {
			if err := ask(); !errors.Is(err, broken) {
				t.Errorf("%s over a store that fails: %v, want its error", name, err)
			}
		}
		for _, names := range [][2]string{{"", ""}, {"partners/contoso", "programs"}, {"partners//plans/p", "programs/"}, {"partners/a/plans/", "programs/a/b"}, {"partners/a/plans/b/c", "program/a"}} {
			for name, ask := range queries(names[0], names[1]) {
				if err := ask(t.Context(), w.ledger); err == nil {
					t.Errorf("%s of plan %q and program %q: no error", name, names[0], names[1])
				}
			}
		}
	})
}

// A run knows of every plan with a mark, however many there are, each once.
func TestR5_CountsAllPlans(t *testing.T) {
	const count = 2100 // more than are read at once
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var b store.Batch
		for i := range count {
			for _, earned := range []string{"2026-03", "2026-04", "2026-05"}[i%3:] {
				b.Put(store.Key{Collection: "unsettled", ID: fmt.Sprintf("azure/%s/contoso/azure.f%d.fy26", earned, i)}, nil)
			}
		}
		if err := db.Commit(t.Context(), 0, &b); err != nil {
			t.Fatal(err)
		}
		if run := w.start("2026-05-15"); run.PlansTotal != count*2/3 {
			t.Errorf("%d plans are counted, want the %d with a month before May", run.PlansTotal, count*2/3)
		}
	})
}
