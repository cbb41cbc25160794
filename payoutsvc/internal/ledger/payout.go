package ledger

import (
	"bytes"
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
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
		b.Put(key, value)
		b.Delete(before)
		b.Put(stateKey(p.State, date, at.id), nil)
		return nil
	})
	return updated, err
}
