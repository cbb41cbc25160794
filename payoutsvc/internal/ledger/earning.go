package ledger

import (
	"context"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Earning returns a plan's earning, or EARNING_NOT_FOUND.
func (l *Ledger) Earning(ctx context.Context, plan, id string) (payout.Earning, error) {
	panic("soon")
}

// An EarningsQuery says which of a plan's earnings to list.
type EarningsQuery struct {
	Plan  string                    // partners/{mpn_id}/plans/{plan}
	Size  int                       // how many at the most, above zero
	After string                    // where the page before ended; empty for the first page
	Keep  func(payout.Earning) bool // nil keeps every one
}

// Earnings lists a plan's earnings by id, and returns where the next page
// begins, empty on the last one. A page can be short and not be the last.
func (l *Ledger) Earnings(ctx context.Context, q EarningsQuery) (page []payout.Earning, next string, err error) {
	panic("soon")
}
