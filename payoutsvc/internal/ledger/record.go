package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// How many partitions of a group one goroutine records: with one commit where the store can do that, and where it can't. More would leave
// processors without work, and make others wait for locks; fewer would cost more commits.
const (
	sharesTogether = 16
	sharesApart    = 8
)

// An Entry is one earning to record.
type Entry struct {
	Terms   *payout.Terms // of the plan that it was earned in
	Earning payout.Earning
}

// An Outcome says what became of an Entry. Rule E3.
type Outcome struct {
	Earning   payout.Earning // as it is recorded; unset where Err is set
	Duplicate bool           // it had been recorded before with the same content. Rule E1
	Err       error          // why it is not recorded; where the store failed, it may be sent again
}

// Record records earnings, and returns what became of each, in their order,
// when all that was recorded is on stable storage. Rules E1, E2, E3.
//
// Each earning has passed Check and CheckCurrency. An outcome's error is what
// [payout.Terms.Record] and [payout.AddTotal] refuse with, or what the store
// failed with: then it failed for every earning of that partition, and for
// none of another. When ctx is done before the outcomes are known, each is the
// context's error, and the earnings may be recorded or not.
func (l *Ledger) Record(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	return l.batches.do(ctx, now, entries)
}

// RecordOne is Record of one earning. It does not wait for batches.
func (l *Ledger) RecordOne(ctx context.Context, now time.Time, entry Entry) Outcome {
	if !l.commitsTogether { // the store does no better with many partitions at once, and one that is out would make the others wait
		return l.recordGroup(ctx, now, []Entry{entry}, nil)[0]
	}
	return l.single.do(ctx, now, []Entry{entry})[0]
}

// recordGroup is Record, of these entries and no others.
func (l *Ledger) recordGroup(ctx context.Context, now time.Time, entries []Entry, o *order) []Outcome {
	g := groupJob{
		now: now.Round(0).UTC(), mostlyDuplicates: l.mostlyDuplicates.Load(), order: o, entries: entries, outcomes: make([]Outcome, len(entries)),
	}
	shares := l.share(g)
	o.divide(l.db.Partitions(), shares)
	var workers errgroup.Group
	for some := range slices.Chunk(shares, l.sharesOf(len(entries), len(shares))) {
		workers.Go(func() error {
			defer o.done(some)
			l.recordShares(ctx, g, some)
			return nil // it is in the outcomes
		})
	}
	_ = workers.Wait() // never fails
	duplicates := 0
	for i := range g.outcomes {
		if g.outcomes[i].Duplicate {
			duplicates++
		}
	}
	l.mostlyDuplicates.Store(2*duplicates > len(entries))
	return g.outcomes
}

// sharesOf is how many of the shares of so many entries one goroutine records.
func (l *Ledger) sharesOf(entries, shares int) int {
	switch {
	case !l.commitsTogether:
		return sharesApart
	case entries > largestSingles:
		return sharesTogether
	}
	return max(1, shares) // so few cost less than it takes to divide them
}

// recordShares commits shares of a group. Where a panic interrupts one, it is tried again in halves, or by itself, so that only the earning
// that causes the panic fails; what of it was committed before is found to be a duplicate then. Rule E3.
func (l *Ledger) recordShares(ctx context.Context, g groupJob, shares []share) {
	l.commitShares(ctx, g, shares)
	for _, s := range shares {
		n := len(s.members)
		switch {
		case !fault.IsDefect(g.outcomes[s.members[0]].Err): // that of all of them
		case n > 1:
			l.recordShares(ctx, g, []share{{partition: s.partition, members: s.members[:n/2]}}) // which keeps their order
			l.recordShares(ctx, g, []share{{partition: s.partition, members: s.members[n/2:]}})
		case len(shares) > 1: // the panic may be another one's
			l.recordShares(ctx, g, []share{s})
		}
	}
}

// guarded runs fn, and returns as an error what it panics with.
func guarded(fn func() error) (err error) {
	defer fault.Recovered(&err, "recording")
	return fn()
}

// A groupJob is one group on its way into the store: its entries, and what became of each.
type groupJob struct {
	now              time.Time
	mostlyDuplicates bool // most of it is likely to have been recorded before
	order            *order
	entries          []Entry
	outcomes         []Outcome
}

// A share is the part of a group that lies in one partition.
type share struct {
	partition store.Partition
	members   []int // indexes in the group, in its order
}

// share divides a group among its partitions. An entry of no plan gets its outcome here.
func (l *Ledger) share(g groupJob) []share {
	const nowhere = -1
	at := make([]int, len(g.entries))
	counts := make([]int, l.db.Partitions())
	for i := range g.entries {
		p, err := l.home(&g.entries[i])
		if err != nil {
			at[i], g.outcomes[i].Err = nowhere, err
			continue
		}
		at[i] = int(p)
		counts[p]++
	}
	members := make([]int, 0, len(g.entries))
	var shares []share
	of := make([]int, len(counts)) // the share of each partition
	for p, count := range counts {
		if count > 0 {
			of[p] = len(shares)
			shares = append(shares, share{partition: store.Partition(p), members: members[len(members) : len(members) : len(members)+count]})
			members = members[:len(members)+count]
		}
	}
	for i, p := range at {
		if p != nowhere {
			s := &shares[of[p]]
			s.members = append(s.members, i)
		}
	}
	return shares
}

// home is the partition of an entry.
func (l *Ledger) home(e *Entry) (p store.Partition, err error) {
	defer fault.Recovered(&err, "recording") // here, since all batches of a group are divided at once
	mpn, _, err := splitPlan(e.Terms.Plan)
	if err != nil {
		return 0, err
	}
	if _, err := programID(e.Terms.Program); err != nil {
		return 0, err
	}
	return l.partitionOf(mpn), nil
}

// commitShares decides on shares of a group and commits them: all together at first, then each that met a conflict by itself. A panic
// is an error of the shares that it interrupts.
func (l *Ledger) commitShares(ctx context.Context, g groupJob, shares []share) {
	recordings := make([]*recording, len(shares))
	parts := make([]store.Part, 0, len(shares))
	committing := make([]*recording, 0, len(shares))
	for i, s := range shares {
		r, _ := l.recordings.Get().(*recording) // it has no others
		recordings[i] = r
		r.err = guarded(func() error {
			r.begin(g, s)
			if g.mostlyDuplicates {
				return r.judge(store.ErrConflict) // as the first attempt would come to
			}
			return r.prepare(ctx)
		})
		if r.err == nil && r.writes.Len() > 0 {
			parts, committing = append(parts, store.Part{Partition: r.partition, Batch: &r.writes}), append(committing, r)
		}
	}
	for _, p := range parts {
		g.order.await(p.Partition)
	}
	err := guarded(func() error {
		for i, err := range store.CommitAll(ctx, l.db, parts) {
			committing[i].err = committing[i].judge(err)
		}
		return nil
	})
	for _, r := range committing {
		r.err = cmp.Or(err, r.err)
	}
	var retries errgroup.Group
	for _, r := range recordings {
		if errors.Is(r.err, store.ErrConflict) {
			retries.Go(func() error {
				r.err = guarded(func() error { return store.Retry(ctx, func() error { return r.attempt(ctx) }) })
				return nil
			})
		}
	}
	_ = retries.Wait() // never fails
	for _, r := range recordings {
		interrupted := fault.IsDefect(r.err)
		r.end()
		if !interrupted { // else it may hold what must not meet another group
			l.recordings.Put(r)
		}
	}
}
