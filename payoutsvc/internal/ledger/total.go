package ledger

import (
	"context"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Totals returns what each of the months has earned and was paid, in the order
// of months: nothing where there was nothing.
func (l *Ledger) Totals(ctx context.Context, terms *payout.Terms, months ...payout.Month) ([]payout.Totals, error) {
	panic("soon")
}

// AllTotals returns the totals of every month of the plan that has earnings or
// was paid, oldest first.
func (l *Ledger) AllTotals(ctx context.Context, terms *payout.Terms) ([]payout.Totals, error) {
	panic("soon")
}
