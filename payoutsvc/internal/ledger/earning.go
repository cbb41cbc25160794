package ledger

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Earning returns a plan's earning, or EARNING_NOT_FOUND.
func (l *Ledger) Earning(ctx context.Context, plan, id string) (payout.Earning, error) {
	at, err := l.planKey(plan)
	if err != nil {
		return payout.Earning{}, err
	}
	key := earningKey(at.id, id)
	values, err := l.db.Get(ctx, at.partition, key)
	if err != nil {
		return payout.Earning{}, err
	}
	if values[0] == nil {
		return payout.Earning{}, fault.New(fault.NotFound, "EARNING_NOT_FOUND", "there is no earning %q in %s", id, plan).
			With("plan", plan).With("earning", id)
	}
	return parseEarning(key, id, values[0])
}

// An EarningsQuery says which of a plan's earnings to list.
type EarningsQuery struct {
	Plan string // partners/{mpn_id}/plans/{plan}
	Page listing.Page
	Keep func(payout.Earning) bool // nil keeps every one
}

// Earnings lists a plan's earnings by id, and returns the cursor that the page
// ended at, "" where the list has ended. See [listing.List].
func (l *Ledger) Earnings(ctx context.Context, q EarningsQuery) (page []payout.Earning, after string, err error) {
	at, err := l.planKey(q.Plan)
	if err != nil {
		return nil, "", err
	}
	prefix := at.id + "/"
	return listing.List(ctx, listing.Query[payout.Earning]{
		DB: l.db, Partitions: []store.Partition{at.partition}, Collection: collectionEarnings, Prefix: prefix, Page: q.Page,
		Read: func(entry store.Entry) (payout.Earning, bool, error) {
			key := store.Key{Collection: collectionEarnings, ID: entry.ID}
			e, err := parseEarning(key, entry.ID[len(prefix):], entry.Value)
			return e, err == nil && (q.Keep == nil || q.Keep(e)), err
		},
	})
}
