package ledger

import (
	"context"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Payout returns a plan's payout of a pay date, or PAYOUT_NOT_FOUND.
func (l *Ledger) Payout(ctx context.Context, plan string, date payout.PayDate) (payout.Payout, error) {
	panic("soon")
}

// UpdatePayout changes a payout by a rule, such as [payout.Payout.Confirm], and
// returns it as it is then stored. An error of the rule changes nothing and is
// returned as it is; the rule runs again where somebody else was faster. Rule R6.
func (l *Ledger) UpdatePayout(ctx context.Context, plan string, date payout.PayDate, rule func(*payout.Payout) error) (payout.Payout, error) {
	panic("soon")
}

// A PayoutsQuery says which payouts to list. Its zero fields admit every one.
type PayoutsQuery struct {
	Partner string // {mpn_id}
	Plan    string // {plan}: the id that the plan has under its partner
	// State and PayDate admit one state and one pay date. Across partners they
	// are looked up, so that the cost is that of what is found.
	State   payout.State
	PayDate payout.PayDate
	Keep    func(payout.Payout) bool // what else a payout has to meet; nil keeps every one

	Size  int    // how many at the most, above zero
	After string // where the page before ended; empty for the first page
}

// Payouts lists payouts by name, and returns where the next page begins, empty
// on the last one. A page can be short and not be the last.
func (l *Ledger) Payouts(ctx context.Context, q PayoutsQuery) (page []payout.Payout, next string, err error) {
	panic("soon")
}
