package ledger

import (
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
			l.recordGuarded(ctx, b, some)
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

// recordGuarded is record, where a panic is an error of the earning that makes it panic, and of no other. Those whose commit
// was made before are found to be duplicates then. Rule E3.
func (l *Ledger) recordGuarded(ctx context.Context, b batch, shares []share) {
	err := guarded(func() { l.record(ctx, b, shares) })
	if err == nil {
		return
	}
	for _, s := range shares {
		for k := range s.members {
			one := share{partition: s.partition, members: s.members[k : k+1]}
			if err := guarded(func() { l.record(ctx, b, []share{one}) }); err != nil {
				b.outcomes[s.members[k]] = Outcome{Err: err}
			}
		}
	}
}

// guarded runs fn, and returns as an error what it panics with.
func guarded(fn func()) (err error) {
	defer fault.Recovered(&err, "recording")
	fn()
	return nil
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
		mpn, _, err := splitPlan(b.entries[i].Terms.Plan)
		if err == nil {
			_, err = programID(b.entries[i].Terms.Program)
		}
		if err != nil {
			at[i], b.outcomes[i].Err = nowhere, err
			continue
		}
		at[i] = int(l.partitionOf(mpn))
		counts[at[i]]++
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

// record records some shares. Those that can do with one commit do it together.
func (l *Ledger) record(ctx context.Context, b batch, shares []share) {
	recordings := make([]*recording, len(shares))
	parts := make([]store.Part, 0, len(shares))
	committing := make([]*recording, 0, len(shares))
	for i, s := range shares {
		r, _ := l.recordings.Get().(*recording) // it has no others
		recordings[i] = r
		r.begin(b, s)
		if b.again {
			r.err = r.judge(store.ErrConflict) // as the first attempt would come to
			continue
		}
		if r.err = r.prepare(ctx); r.err == nil && r.writes.Len() > 0 {
			parts, committing = append(parts, store.Part{Partition: r.partition, Batch: &r.writes}), append(committing, r)
		}
	}
	for i, err := range store.CommitAll(ctx, l.db, parts) {
		committing[i].err = committing[i].judge(err)
	}
	var retries errgroup.Group
	for _, r := range recordings {
		if errors.Is(r.err, store.ErrConflict) {
			retries.Go(func() error {
				if err := guarded(func() { r.err = store.Retry(ctx, func() error { return r.attempt(ctx) }) }); err != nil {
					r.err = err
				}
				return nil
			})
		}
	}
	_ = retries.Wait() // never fails
	for _, r := range recordings {
		r.end()
		// Not deferred: one that a panic has interrupted still holds its batch, and must not meet another.
		l.recordings.Put(r)
	}
}
