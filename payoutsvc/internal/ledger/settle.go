package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A page is some marked plans of a partition that a run settles at once.
type page struct {
	partition store.Partition
	date      payout.PayDate
	plans     []marked
	now       time.Time
}

// A settled plan is what a run makes of a marked one.
type settled struct {
	marked
	payout.Settlement
	value   []byte      // the stored form of Settlement.Payout
	paid    []paidMonth // what Settlement.Payout makes of the months in its lines
	failure *Failure    // then there is no settlement. Rule R3

	// What it was worked out from: the payout on the pay date, which is not to
	// exist, then the totals of each month.
	keys   []store.Key
	values [][]byte
}

// A paidMonth is what payouts hold for a month.
type paidMonth struct {
	key   store.Key
	minor int64
}

// settle works out what a run does to a page, and writes nothing. It fails
// where the terms of none, or what is stored, can't be read.
func (l *Ledger) settle(ctx context.Context, source Terms, p page) ([]settled, error) {
	names := make([]string, len(p.plans))
	for i, plan := range p.plans {
		names[i] = planName(plan.plan)
	}
	terms, err := readTerms(ctx, source, names)
	if err != nil {
		return nil, err
	}
	plans := make([]settled, len(p.plans))
	var keys []store.Key
	for i, plan := range p.plans {
		if t := terms[i]; t.Err == nil && t.Terms.Approved && t.Terms.Closed(p.now) {
			plan.months = t.Terms.Months() // some may be on the shelf, and still are to be netted
		}
		start := len(keys)
		keys = appendTotalKeys(append(keys, payoutKey(plan.plan, p.date)), plan.plan, plan.months)
		plans[i] = settled{marked: plan, keys: keys[start:len(keys):len(keys)]}
	}
	values, err := l.db.Get(ctx, p.partition, keys...)
	if err != nil {
		return nil, err
	}
	for i := range plans {
		plan := &plans[i]
		plan.values, values = values[:len(plan.keys)], values[len(plan.keys):]
		if err := plan.settle(p, terms[i]); err != nil {
			plan.Settlement, plan.failure = payout.Settlement{}, failureOf(names[i], err)
		}
	}
	return plans, nil
}

// settle works out one plan. An error is the plan's own.
func (s *settled) settle(p page, terms PlanTerms) error {
	if s.values[0] != nil {
		// It has its payout: what has come up since is for the next pay date. Rule C3.
		return nil
	}
	if terms.Err != nil {
		return terms.Err
	}
	totals, err := parseTotals(terms.Terms.Currency, s.months, s.keys[1:], s.values[1:])
	if err != nil {
		return fault.New(fault.State, "TOTAL_DAMAGED", "%v", err)
	}
	s.Settlement = terms.Terms.Settle(p.date, totals, p.now.Round(0).UTC())
	if s.Payout == nil {
		return nil
	}
	if s.value, err = appendPayout(nil, s.plan, s.Payout); err != nil {
		return err
	}
	return s.setPaid(totals)
}

// setPaid works out what payouts hold once the plan has its payout.
func (s *settled) setPaid(totals []payout.Totals) error {
	lines := s.Payout.Lines
	for i, total := range totals {
		if len(lines) == 0 || lines[0].Month != total.Month {
			continue
		}
		held := total.Paid.Add(lines[0].Amount)
		minor, fits := held.Minor()
		if !fits {
			return fault.New(fault.State, "PAYOUT_TOO_LARGE", "%s can't be held as paid for %s", held, total.Month)
		}
		key := s.keys[1+keysPerTotal*i+1]
		s.paid, lines = append(s.paid, paidMonth{key: key, minor: minor}), lines[1:]
	}
	return nil
}

// write collects what paying the plan writes, on the condition that what it was worked out from still stands.
func (s *settled) write(b *store.Batch, program string) {
	if s.Payout == nil && len(s.Settled) == 0 && len(s.Shelved) == 0 {
		return
	}
	for i, key := range s.keys {
		b.Require(key, s.values[i])
	}
	for _, month := range s.Settled {
		b.Delete(markKey(program, month, s.plan))
	}
	for _, paid := range s.paid {
		b.Put(paid.key, strconv.AppendInt(nil, paid.minor, 10))
	}
	if s.Payout != nil {
		b.Put(s.keys[0], s.value)
		b.Put(stateKey(s.Payout.State, s.Payout.PayDate, s.plan), nil)
	}
}

// failureOf says why a plan could not be paid.
func failureOf(plan string, err error) *Failure {
	f := &Failure{Plan: plan, Reason: fault.ReasonOf(err), Message: err.Error()}
	if f.Reason == "" {
		f.Reason = "TERMS_UNREADABLE"
	}
	return f
}

// readTerms reads terms. Where they are refused and not just out, it asks for
// fewer plans, so that one that can't be answered for takes no other with it. Rule R3.
func readTerms(ctx context.Context, source Terms, plans []string) ([]PlanTerms, error) {
	terms, err := source.PlanTerms(ctx, plans)
	switch {
	case err == nil && len(terms) != len(plans):
		return nil, fmt.Errorf("%d terms for %d plans", len(terms), len(plans))
	case err == nil:
		return terms, nil
	case ctx.Err() != nil || passing(err):
		return nil, err
	case len(plans) == 1:
		return []PlanTerms{{Err: err}}, nil
	}
	half := len(plans) / 2
	first, err := readTerms(ctx, source, plans[:half])
	if err != nil {
		return nil, err
	}
	second, err := readTerms(ctx, source, plans[half:])
	return append(first, second...), err
}

// passing tells whether an error goes by itself, or once somebody has repaired what it names.
func passing(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limit, fault.Conflict, fault.Denied, fault.Unauthenticated:
		return true
	default:
	}
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) || errors.Is(err, context.DeadlineExceeded)
}
