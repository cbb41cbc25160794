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

// A planResult is what a run makes of one marked plan: a settlement, a failure, or nothing.
type planResult struct {
	marked
	payout.Settlement
	value   []byte      // the stored form of Settlement.Payout
	paid    []paidMonth // what Settlement.Payout makes of the months in its lines
	windows string      // of the program, as the terms have them; empty where there are none
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

// settlePage works out what a run does to a page, and writes nothing. It fails
// where the terms of none, or what is stored, can't be read.
func (l *Ledger) settlePage(ctx context.Context, source Terms, p page) ([]planResult, error) {
	names := make([]string, len(p.plans))
	for i, plan := range p.plans {
		names[i] = planName(plan.plan)
	}
	terms, err := readTerms(ctx, source, names)
	if err != nil {
		return nil, err
	}
	results := make([]planResult, len(p.plans))
	var keys []store.Key
	for i, plan := range p.plans {
		results[i].windows = terms[i].Terms.Windows
		if terms[i].Err == nil {
			plan.months = terms[i].Terms.MonthsToSettle(plan.months, p.now)
		}
		start := len(keys)
		keys = appendTotalKeys(append(keys, payoutKey(plan.plan, p.date)), plan.plan, plan.months)
		results[i].marked, results[i].keys = plan, keys[start:len(keys):len(keys)]
	}
	values, err := l.db.Get(ctx, p.partition, keys...)
	if err != nil {
		return nil, err
	}
	for i := range results {
		r := &results[i]
		r.values, values = values[:len(r.keys)], values[len(r.keys):]
		if err := r.settlePlan(p, terms[i]); err != nil {
			r.Settlement, r.failure = payout.Settlement{}, failureOf(names[i], err)
		}
	}
	return results, nil
}

// settlePlan works out one plan. An error is the plan's own.
func (r *planResult) settlePlan(p page, terms PlanTerms) error {
	if r.values[0] != nil {
		// It has its payout: what has come up since is for the next pay date. Rule C3.
		return nil
	}
	if terms.Err != nil {
		return terms.Err
	}
	totals, err := parseTotals(terms.Terms.Currency, r.months, r.keys[1:], r.values[1:])
	if err != nil {
		return fault.New(fault.State, "TOTAL_DAMAGED", "%v", err)
	}
	r.Settlement = terms.Terms.Settle(p.date, totals, p.now.Round(0).UTC())
	if r.Payout == nil {
		return nil
	}
	if r.value, err = appendPayout(nil, r.plan, r.Payout); err != nil {
		return err
	}
	return r.setPaid(totals)
}

// setPaid works out what payouts hold once the plan has its payout.
func (r *planResult) setPaid(totals []payout.Totals) error {
	lines := r.Payout.Lines
	for i, total := range totals {
		if len(lines) == 0 || lines[0].Month != total.Month {
			continue
		}
		held := total.Paid.Add(lines[0].Amount)
		minor, fits := held.Minor()
		if !fits {
			return fault.New(fault.State, "PAYOUT_TOO_LARGE", "%s can't be held as paid for %s", held, total.Month)
		}
		key := r.keys[1+keysPerTotal*i+1]
		r.paid, lines = append(r.paid, paidMonth{key: key, minor: minor}), lines[1:]
	}
	return nil
}

// write collects what the result writes, on the condition that what it was worked out from still stands.
// For months to be shelved it only adds the conditions; part.shelve moves their marks.
func (r *planResult) write(b *store.Batch, program string) {
	if r.Payout == nil && len(r.Settled) == 0 && len(r.Shelved) == 0 {
		return
	}
	for i, key := range r.keys {
		b.Require(key, r.values[i])
	}
	for _, month := range r.Settled {
		b.Delete(markKey(program, month, r.plan))
	}
	for _, paid := range r.paid {
		b.Put(paid.key, strconv.AppendInt(nil, paid.minor, 10))
	}
	if r.Payout != nil {
		b.Put(r.keys[0], r.value)
		b.Put(stateKey(r.Payout.State, r.Payout.PayDate, r.plan), nil)
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
