package ledger

import (
	"bytes"
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Payout returns a plan's payout of a pay date, or PAYOUT_NOT_FOUND.
func (l *Ledger) Payout(ctx context.Context, plan string, date payout.PayDate) (payout.Payout, error) {
	at, err := l.planKey(plan)
	if err != nil {
		return payout.Payout{}, err
	}
	key := payoutKey(at.id, date)
	values, err := l.db.Get(ctx, at.partition, key)
	if err != nil {
		return payout.Payout{}, err
	}
	if values[0] == nil {
		return payout.Payout{}, noPayout(plan, date)
	}
	return parsePayout(key, values[0])
}

func noPayout(plan string, date payout.PayDate) error {
	return fault.New(fault.NotFound, "PAYOUT_NOT_FOUND", "%s has no payout on %s", plan, date).
		With("plan", plan).With("payDate", date.String())
}

// UpdatePayout changes a payout by a rule, such as [payout.Payout.Confirm], and
// returns it as it is then stored. An error of the rule changes nothing and is
// returned as it is; the rule runs again where somebody else was faster. Rule R6.
func (l *Ledger) UpdatePayout(ctx context.Context, plan string, date payout.PayDate, rule func(*payout.Payout) error) (payout.Payout, error) {
	at, err := l.planKey(plan)
	if err != nil {
		return payout.Payout{}, err
	}
	key := payoutKey(at.id, date)
	var updated payout.Payout
	read := store.Read{Partition: at.partition, Keys: []store.Key{key}}
	err = store.Update(ctx, l.db, read, func(values [][]byte, b *store.Batch) error {
		if values[0] == nil {
			return noPayout(plan, date)
		}
		p, err := parsePayout(key, values[0])
		if err != nil {
			return err
		}
		before := stateKey(p.State, date, at.id)
		if err := rule(&p); err != nil {
			return err
		}
		updated = p
		value, err := appendPayout(nil, at.id, &p)
		if err != nil || bytes.Equal(value, values[0]) {
			return err
		}
		b.Delete(before)
		putPayout(b, at.id, &p, value)
		return nil
	})
	return updated, err
}

// putPayout writes a payout, whose stored form is value, where it is found by its name and by its state.
func putPayout(b *store.Batch, plan string, p *payout.Payout, value []byte) {
	b.Put(payoutKey(plan, p.PayDate), value)
	b.Put(stateKey(p.State, p.PayDate, plan), value)
}

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
	list := listing.Query[payout.Payout]{DB: l.db, Page: q.Page}
	list.Collection, list.Prefix = q.index()
	if q.Partner == "" {
		list.Partitions = listing.All(l.db)
	} else {
		list.Partitions = []store.Partition{l.partitionOf(q.Partner)}
	}
	list.Read = func(entry store.Entry) (payout.Payout, bool, error) {
		p, err := parsePayout(store.Key{Collection: list.Collection, ID: entry.ID}, entry.Value)
		return p, err == nil && q.admits(p), err
	}
	return listing.List(ctx, list)
}

// index is the collection that answers q, and what the ids of its answers begin with.
func (q PayoutsQuery) index() (collection, prefix string) {
	switch {
	case q.Partner != "" && q.Plan != "":
		return collectionPayouts, q.Partner + "/" + q.Plan + "/"
	case q.State != "" && q.PayDate != 0 && q.Partner != "":
		return collectionPayoutsByState, statePrefix(q.State, q.PayDate) + q.Partner + "/"
	case q.State != "" && q.PayDate != 0:
		return collectionPayoutsByState, statePrefix(q.State, q.PayDate)
	case q.Partner != "":
		return collectionPayouts, q.Partner + "/"
	}
	return collectionPayouts, ""
}

func (q PayoutsQuery) admits(p payout.Payout) bool {
	if q.Plan != "" {
		if _, plan, err := splitPlan(p.Plan); err != nil || plan != q.Plan {
			return false
		}
	}
	return (q.State == "" || p.State == q.State) && (q.PayDate == 0 || p.PayDate == q.PayDate) && (q.Keep == nil || q.Keep(p))
}
