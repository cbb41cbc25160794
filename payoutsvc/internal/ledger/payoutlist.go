package ledger

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A PayoutsQuery says which payouts to list. Its zero fields admit every one.
type PayoutsQuery struct {
	Partner string // {mpn_id}
	Plan    string // {plan}: the id that the plan has under its partner
	// State and PayDate admit one state and one pay date. Both together are
	// looked up, so that the cost is that of what is found.
	State   payout.State
	PayDate payout.PayDate
	Keep    func(payout.Payout) bool // what else a payout has to meet; nil keeps every one
	Page    listing.Page
}

// Payouts lists payouts by plan and pay date, and returns the cursor that the
// page ended at, "" where the list has ended. See [listing.List].
func (l *Ledger) Payouts(ctx context.Context, q PayoutsQuery) (page []payout.Payout, after string, err error) {
	partitions, prefix := listing.All(l.db), ""
	if q.Partner != "" {
		partitions, prefix = []store.Partition{l.partitionOf(q.Partner)}, q.Partner+"/"
	}
	onePlan := q.Partner != "" && q.Plan != ""
	if q.State != "" && q.PayDate != 0 && !onePlan {
		return l.byState(ctx, q, partitions, prefix)
	}
	if onePlan {
		prefix += q.Plan + "/"
	}
	list := listing.Query[payout.Payout]{DB: l.db, Partitions: partitions, Collection: collectionPayouts, Prefix: prefix, Page: q.Page}
	list.Read = func(entry store.Entry) (payout.Payout, bool, error) {
		p, err := parsePayout(store.Key{Collection: collectionPayouts, ID: entry.ID}, entry.Value)
		return p, err == nil && q.admits(p), err
	}
	return listing.List(ctx, list)
}

// byState lists payouts of one state and pay date, of plans whose ids begin with prefix.
func (l *Ledger) byState(
	ctx context.Context, q PayoutsQuery, partitions []store.Partition, prefix string,
) ([]payout.Payout, string, error) {
	state := statePrefix(q.State, q.PayDate)
	index := listing.Query[planKey]{
		DB: l.db, Partitions: partitions, Collection: collectionPayoutsByState, Prefix: state + prefix, Page: q.Page,
		Read: func(entry store.Entry) (planKey, bool, error) {
			id := strings.TrimPrefix(entry.ID, state)
			mpn, _, _ := strings.Cut(id, "/")
			return planKey{partition: l.partitionOf(mpn), id: id}, true, nil
		},
	}
	return listing.ByIndex(ctx, index, func(plans []planKey) ([]listing.Found[payout.Payout], error) {
		found, err := l.payoutsOn(ctx, q.PayDate, plans)
		for i := range found {
			found[i].Keep = q.admits(found[i].Item)
		}
		return found, err
	})
}

// payoutsOn returns plans' payouts of a pay date; of one that has none, the zero Payout.
func (l *Ledger) payoutsOn(ctx context.Context, date payout.PayDate, plans []planKey) ([]listing.Found[payout.Payout], error) {
	places := map[store.Partition][]int{}
	for i, plan := range plans {
		places[plan.partition] = append(places[plan.partition], i)
	}
	payouts := make([]listing.Found[payout.Payout], len(plans))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for p, of := range places {
		group.Go(func() error {
			keys := make([]store.Key, len(of))
			for k, i := range of {
				keys[k] = payoutKey(plans[i].id, date)
			}
			values, err := l.db.Get(ctx, p, keys...)
			for k, value := range values {
				if value == nil {
					continue
				}
				payouts[of[k]].Bytes = len(value)
				if payouts[of[k]].Item, err = parsePayout(keys[k], value); err != nil {
					return err
				}
			}
			return err
		})
	}
	return payouts, group.Wait()
}

func (q PayoutsQuery) admits(p payout.Payout) bool {
	if q.Plan != "" {
		if _, plan, err := splitPlan(p.Plan); err != nil || plan != q.Plan {
			return false
		}
	}
	return (q.State == "" || p.State == q.State) && (q.PayDate == 0 || p.PayDate == q.PayDate) && (q.Keep == nil || q.Keep(p))
}
