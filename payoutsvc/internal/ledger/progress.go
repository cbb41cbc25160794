package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
)

// maxFailures is how many failures of a run are kept; all are counted.
const maxFailures = 100

// Progress is how far a run is. Rule R5.
type Progress struct {
	PlansDone     int64         `json:"plans_done"`         // since it was last started, failures included
	FailuresCount int64         `json:"failures_count"`     // since it was last started
	Failures      []Failure     `json:"failures,omitempty"` // the first 100 of these, by plan
	PayoutsCount  int64         `json:"payouts_count"`      // over all its starts
	PaidTotals    []money.Money `json:"paid_totals"`        // what these add up to, by currency code
}

// A Failure is a plan that could not be paid, and why. Rule R3.
type Failure struct {
	Plan    string `json:"plan"`    // partners/{mpn_id}/plans/{plan}
	Reason  string `json:"reason"`  // UPPER_SNAKE_CASE
	Message string `json:"message"` // one sentence for people
}

// count takes in a plan that is done.
func (p *Progress) count(r *planResult) {
	p.PlansDone++
	if r.failure != nil {
		p.FailuresCount++
		if len(p.Failures) < maxFailures {
			p.Failures = append(p.Failures, *r.failure)
		}
	}
	if r.Payout != nil {
		p.PayoutsCount++
		p.PaidTotals = addTotals(p.PaidTotals, r.Payout.Amount)
	}
}

// add takes in what a partition says of its share.
func (p *Progress) add(share Progress) {
	p.PlansDone += share.PlansDone
	p.FailuresCount += share.FailuresCount
	p.Failures = slices.Concat(p.Failures, share.Failures)
	slices.SortFunc(p.Failures, func(a, b Failure) int { return cmp.Compare(a.Plan, b.Plan) })
	p.Failures = p.Failures[:min(len(p.Failures), maxFailures)]
	p.PayoutsCount += share.PayoutsCount
	p.PaidTotals = addTotals(p.PaidTotals, share.PaidTotals...)
}

// partProgress is how far a run is in one partition.
type partProgress struct {
	Generation int    `json:"generation"`       // of the run that it counts for
	Cursor     string `json:"cursor,omitempty"` // the last plan that is done, {mpn_id}/{plan}
	Done       bool   `json:"done"`             // no plan is left
	// Worker works on it, and until a moment no other one needs to. It only spares them the work: what is paid twice
	// is prevented by the commits.
	Worker string    `json:"worker,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Progress
}

// lease is for how long a worker has a partition from its last commit on: how long it is missed when it dies.
const lease = 3 * time.Second

// isHeld tells whether another worker than one with a name is at it. A lease that
// is longer than any is was given by a clock that is wrong, and holds up nobody.
func (p *partProgress) isHeld(worker string, now time.Time) bool {
	left := p.Until.Sub(now)
	return !p.Done && p.Worker != worker && left > 0 && left <= lease
}

// hold gives it to a worker, until it is done. A worker without a name shares with nobody.
func (p *partProgress) hold(worker string, now time.Time) {
	p.Worker, p.Until = "", time.Time{}
	if worker != "" && !p.Done {
		p.Worker, p.Until = worker, now.Add(lease).Round(0).UTC()
	}
}

// partProgress reads how far a run is in a partition since it was started for a generation.
func (l *Ledger) partProgress(ctx context.Context, p store.Partition, key runKey, generation int) (partProgress, error) {
	values, err := l.db.Get(ctx, p, key.progress())
	if err != nil {
		return partProgress{}, err
	}
	return parsePartProgress(key.progress(), values[0], generation)
}

// parsePartProgress reads the value of a partition's progress, as it is since the run was started for a generation.
func parsePartProgress(key store.Key, value []byte, generation int) (partProgress, error) {
	if value == nil {
		return partProgress{Generation: generation}, nil
	}
	stored, err := decode[partProgress](key, value)
	if err != nil || stored.Generation >= generation {
		return stored, err
	}
	return stored.again(generation), nil
}

// again is the progress of a run that begins again: with what it has paid, and no plan done.
func (p *partProgress) again(generation int) partProgress {
	again := partProgress{Generation: generation}
	again.PayoutsCount, again.PaidTotals = p.PayoutsCount, p.PaidTotals
	return again
}

// overall adds up how far a run is in all partitions, and tells whether every one is done.
func (l *Ledger) overall(ctx context.Context, key runKey, generation int) (sum Progress, done bool, err error) {
	parts := make([]partProgress, l.db.Partitions())
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for p := range parts {
		group.Go(func() (err error) {
			parts[p], err = l.partProgress(ctx, store.Partition(p), key, generation)
			return err
		})
	}
	err = group.Wait()
	done = true
	for _, part := range parts {
		sum.add(part.Progress)
		done = done && part.Done
	}
	return sum, done, err
}
