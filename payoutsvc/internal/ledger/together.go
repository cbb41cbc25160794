package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// parallelTogether is how many batches of single earnings are recorded at once. Fewer make larger batches, of which
	// each earning costs less; one alone would leave the processors idle while it waits for the disk.
	parallelTogether = 2
	// mostTogether bounds a batch: so many earnings are worth a batch of their own.
	mostTogether = 256
	// mostJoined bounds what waits, also for callers that have gone.
	mostJoined = 4096
)

// A gatherer has single earnings that arrive at the same time recorded together. Nothing waits to be joined: what
// comes while others are at work is what waits together.
type gatherer struct {
	// slots holds one for each batch that is being recorded. It is nil where the store does no better with many partitions at
	// once: there one that is out would make the others wait.
	slots chan struct{}

	mu     sync.Mutex
	open   *gathered // the batch that waits for a slot, which whoever comes joins; nil where none waits
	joined int       // how many earnings wait for a slot
}

func newGatherer(db store.DB) gatherer {
	if _, ok := db.(store.AllCommitter); ok {
		return gatherer{slots: make(chan struct{}, parallelTogether)}
	}
	return gatherer{}
}

type gathered struct {
	now      time.Time // the latest at which one joined
	callers  []context.Context
	entries  []Entry
	outcomes []Outcome     // of the entries whose callers were there when the batch was begun, else the zero Outcome
	done     chan struct{} // closed when outcomes are there
}

// RecordOne records one earning as Record does, together with those that other calls record at the same time. When ctx
// is done before the earning's outcome is known, it is the context's error, and the earning may be recorded or not.
func (l *Ledger) RecordOne(ctx context.Context, now time.Time, entry Entry) Outcome {
	if err := ctx.Err(); err != nil {
		return Outcome{Err: err}
	}
	if l.single.slots == nil {
		return l.Record(ctx, now, []Entry{entry})[0]
	}
	batch, place, err := l.single.join(ctx, now, entry)
	if err != nil {
		return Outcome{Err: err}
	}
	if place == 0 {
		go l.recordGathered(context.WithoutCancel(ctx), batch) // for the others, too
	}
	select {
	case <-batch.done:
		return batch.outcomes[place]
	case <-ctx.Done():
		return Outcome{Err: ctx.Err()}
	}
}

// join adds an entry to the open batch, and returns its place there. Who gets the first one has to have the batch recorded.
func (g *gatherer) join(ctx context.Context, now time.Time, entry Entry) (batch *gathered, place int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joined >= mostJoined {
		return nil, 0, fault.New(fault.Unavailable, "RECORDING_BUSY", "%d earnings wait to be recorded: send it again later", g.joined)
	}
	g.joined++
	if g.open == nil {
		g.open = &gathered{done: make(chan struct{})}
	}
	batch = g.open
	if now.After(batch.now) {
		batch.now = now
	}
	batch.callers, batch.entries = append(batch.callers, ctx), append(batch.entries, entry)
	if len(batch.entries) == mostTogether {
		g.open = nil
	}
	return batch, len(batch.entries) - 1, nil
}

// recordGathered records a batch when its turn has come. Until then others may join. What callers have sent that have gone
// is not recorded.
func (l *Ledger) recordGathered(ctx context.Context, batch *gathered) {
	g := &l.single
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	g.mu.Lock()
	if g.open == batch {
		g.open = nil
	}
	g.joined -= len(batch.entries)
	g.mu.Unlock()
	var here []Entry
	var places []int
	for i, caller := range batch.callers {
		if caller.Err() == nil {
			here, places = append(here, batch.entries[i]), append(places, i)
		}
	}
	outcomes := make([]Outcome, len(batch.entries))
	recorded := make([]Outcome, len(here))
	err := guarded(func() { copy(recorded, l.Record(ctx, batch.now, here)) }) // in a goroutine of its own, where a panic ends the process
	for k, outcome := range recorded {
		if err != nil {
			outcome = Outcome{Err: err}
		}
		outcomes[places[k]] = outcome
	}
	batch.outcomes = outcomes
	close(batch.done)
}
