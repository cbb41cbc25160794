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

// sharesTogether is how many partitions of a batch are recorded by one goroutine, and with one commit where the store can do that. More
// would leave processors without work, and make others wait for locks; fewer would cost more commits.
const sharesTogether = 8

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
// when all that was recorded is on stable storage. Rules E1–E3.
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
	if !l.together { // the store does no better with many partitions at once, and one that is out would make the others wait
		return l.recordAll(ctx, now, []Entry{entry})[0]
	}
	return l.single.do(ctx, now, []Entry{entry})[0]
}

// recordAll is Record, of these entries and no others.
func (l *Ledger) recordAll(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	b := batch{now: now.Round(0).UTC(), again: l.again.Load(), entries: entries, outcomes: make([]Outcome, len(entries))}
	var group errgroup.Group
	for some := range slices.Chunk(l.share(b), sharesTogether) {
		group.Go(func() error {
			l.recordNarrowly(ctx, b, some)
			return nil // it is in the outcomes
		})
	}
	_ = group.Wait() // never fails
	duplicates := 0
	for i := range b.outcomes {
		if b.outcomes[i].Duplicate {
			duplicates++
		}
	}
	l.again.Store(2*duplicates > len(entries))
	return b.outcomes
}

// recordNarrowly is record, where a panic is an error of the earning that makes it panic, and of no other: a share that one has
// interrupted is recorded again in halves. What of it was committed before is found to be a duplicate then. Rule E3.
func (l *Ledger) recordNarrowly(ctx context.Context, b batch, shares []share) {
	l.record(ctx, b, shares)
	for _, s := range shares {
		if n := len(s.members); n > 1 && fault.IsDefect(b.outcomes[s.members[0]].Err) { // that of all of them
			l.recordNarrowly(ctx, b, []share{{partition: s.partition, members: s.members[:n/2]}}) // which keeps their order
			l.recordNarrowly(ctx, b, []share{{partition: s.partition, members: s.members[n/2:]}})
		}
	}
}

// guarded runs fn, and returns as an error what it panics with.
func guarded(fn func() error) (err error) {
	defer fault.Recovered(&err, "recording")
	return fn()
}

// A batch is what is recorded together.
type batch struct {
	now      time.Time
	again    bool // most of it is likely to have been recorded before
	entries  []Entry
	outcomes []Outcome
}

// A share is what of a batch lies in one partition.
type share struct {
	partition store.Partition
	members   []int // places in the batch, in its order
}

// share divides a batch into its partitions. An entry of no plan gets its outcome here.
func (l *Ledger) share(b batch) []share {
	const nowhere = -1
	at := make([]int, len(b.entries))
	counts := make([]int, l.db.Partitions())
	for i := range b.entries {
		p, err := l.home(&b.entries[i])
		if err != nil {
			at[i], b.outcomes[i].Err = nowhere, err
			continue
		}
		at[i] = int(p)
		counts[p]++
	}
	members := make([]int, 0, len(b.entries))
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

// record records some shares. Those that can do with one commit do it together. A panic is an error of the shares that it interrupts.
func (l *Ledger) record(ctx context.Context, b batch, shares []share) {
	recordings := make([]*recording, len(shares))
	parts := make([]store.Part, 0, len(shares))
	committing := make([]*recording, 0, len(shares))
	for i, s := range shares {
		r, _ := l.recordings.Get().(*recording) // it has no others
		recordings[i] = r
		r.err = guarded(func() error {
			r.begin(b, s)
			if b.again {
				return r.judge(store.ErrConflict) // as the first attempt would come to
			}
			return r.prepare(ctx)
		})
		if r.err == nil && r.writes.Len() > 0 {
			parts, committing = append(parts, store.Part{Partition: r.partition, Batch: &r.writes}), append(committing, r)
		}
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
		if !interrupted { // else it may hold what must not meet another batch
			l.recordings.Put(r)
		}
	}
}
