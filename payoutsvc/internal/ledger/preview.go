package ledger

import (
	"context"
	"time"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A PreviewQuery says which run to preview.
type PreviewQuery struct {
	RunName
	Plan  string // the one plan to preview, partners/{mpn_id}/plans/{plan}; empty for every plan of the program
	Now   time.Time
	Size  int    // how many plans to look at, above zero; a page can have fewer payouts
	After string // where the page before ended; empty for the first page
}

// A Preview is a page of what a run would do.
type Preview struct {
	Payouts  []payout.Payout
	Failures []Failure
	Next     string // where the next page begins; empty on the last one
}

// Preview computes what a run would pay if it were started now, by plan, and
// writes nothing. It fails where the terms of plans can't be had at all. Rule R4.
func (l *Ledger) Preview(ctx context.Context, terms Terms, q PreviewQuery) (Preview, error) {
	panic("soon")
}
