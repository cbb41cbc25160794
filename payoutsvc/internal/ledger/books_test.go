package ledger_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// books is all that the ledger knows of the world's plans: what each month
// earned and was paid, each payout with its lines, and the marks.
func (w *world) books() []string {
	w.Helper()
	var books []string
	for _, plan := range w.plans.names() {
		terms := w.plans.get(plan)
		totals, err := w.ledger.AllTotals(w.Context(), &terms)
		if err != nil {
			w.Fatalf("totals of %s: %v", plan, err)
		}
		held := map[payout.Month]money.Money{}
		for _, p := range w.payoutsOf(plan) {
			line := fmt.Sprintf("%s: on %s %s =", short(plan), p.PayDate, p.Amount)
			for _, l := range p.Lines {
				line += fmt.Sprintf(" %s %s", l.Month, l.Amount.Amount)
				held[l.Month] = l.Amount.Add(held[l.Month])
			}
			books = append(books, line)
		}
		for _, total := range totals {
			books = append(books, fmt.Sprintf("%s: %s earned %s, paid %s", short(plan), total.Month, total.Earned, total.Paid))
			if paid := held[total.Month]; !paid.Amount.Equal(total.Paid.Amount) {
				w.Errorf("the payouts of %s hold %s for %s, and its total says %s", plan, paid, total.Month, total.Paid)
			}
		}
	}
	return append(books, w.marks()...)
}

// paid returns what each month of each plan was paid, in cents.
func (w *world) paid() map[string]int64 {
	w.Helper()
	paid := map[string]int64{}
	for _, plan := range w.plans.names() {
		terms := w.plans.get(plan)
		totals, err := w.ledger.AllTotals(w.Context(), &terms)
		if err != nil {
			w.Fatalf("totals of %s: %v", plan, err)
		}
		for _, total := range totals {
			paid[short(plan)+" "+total.Month.String()], _ = total.Paid.Minor()
		}
	}
	return paid
}

// short is a plan's name less what all plans of the suite share.
func short(plan string) string {
	partner, rest, _ := strings.Cut(strings.TrimPrefix(plan, "partners/"), "/plans/")
	_, rest, _ = strings.Cut(rest, ".")
	if f, _, _ := strings.Cut(rest, "."); f != fund {
		return partner + " " + f
	}
	return partner
}

// payoutsOf returns a plan's payouts, and checks that each is found by its state and pay date, too.
func (w *world) payoutsOf(plan string) []payout.Payout {
	w.Helper()
	partner, id, _ := strings.Cut(strings.TrimPrefix(plan, "partners/"), "/plans/")
	query := ledger.PayoutsQuery{Partner: partner, Plan: id, Page: listing.Page{Size: 100}}
	payouts, _, err := w.ledger.Payouts(w.Context(), query)
	if err != nil {
		w.Fatalf("payouts of %s: %v", plan, err)
	}
	states := []payout.State{payout.Scheduled, payout.Paid, payout.Failed}
	for _, p := range payouts {
		var keys []store.Key
		for _, state := range states {
			keys = append(keys, store.Key{Collection: "payouts_by_state", ID: fmt.Sprintf("%s/%s/%s/%s", state, p.PayDate, partner, id)})
		}
		values, err := w.db.Get(w.Context(), store.PartitionOf(partner, w.db.Partitions()), keys...)
		if err != nil {
			w.Fatalf("get %v: %v", keys, err)
		}
		for i, state := range states {
			if found, want := values[i] != nil, state == p.State; found != want {
				w.Errorf("the payout of %s on %s is %s, and found under %s: %t", plan, p.PayDate, p.State, state, found)
			}
		}
	}
	return payouts
}

// marks returns the marks of the world's program, in order.
func (w *world) marks() []string {
	w.Helper()
	return w.marksIn("unsettled")
}

func (w *world) marksIn(collection string) []string {
	w.Helper()
	const enough = 10_000
	var marks []string
	for p := range w.db.Partitions() {
		entries, err := w.db.Scan(w.Context(), store.Partition(p), collection, w.program+"/", enough)
		if err != nil {
			w.Fatalf("scan the marks: %v", err)
		}
		for _, entry := range entries {
			if rest, ok := strings.CutPrefix(entry.ID, w.program+"/"); ok {
				earned, plan, _ := strings.Cut(rest, "/")
				marks = append(marks, fmt.Sprintf("mark %s of %s", earned, short("partners/"+strings.Replace(plan, "/", "/plans/", 1))))
			}
		}
	}
	slices.Sort(marks)
	return marks
}

// total returns what a month of a plan has earned and was paid, in cents.
func (w *world) total(plan, earned string) (inCents, paid int64) {
	w.Helper()
	terms := w.plans.get(plan)
	totals, err := w.ledger.Totals(w.Context(), &terms, month(earned))
	if err != nil {
		w.Fatalf("totals of %s: %v", plan, err)
	}
	inCents, _ = totals[0].Earned.Minor()
	paid, _ = totals[0].Paid.Minor()
	return inCents, paid
}
