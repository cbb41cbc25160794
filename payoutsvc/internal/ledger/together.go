package ledger

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// parallelTogether is how many batches of single earnings are recorded at once. Fewer make larger batches, of which
	// each earning costs less; one alone would leave the processors idle while it waits for the disk.
	parallelTogether = 2
	// mostTogether bounds a batch: so many earnings are worth a batch of their own.
	mostTogether = 256
)

// errInterrupted is the outcome of those that were recorded together with one that made the ledger panic.
var errInterrupted = errors.New("recording was interrupted by a defect")

// A gatherer has single earnings that arrive at the same time recorded together. Nothing waits to be joined: what
// comes while others are at work is what waits together.
type gatherer struct {
	slots chan struct{} // holds one for each batch that is being recorded

	mu   sync.Mutex
	open *gathered // the batch that waits for a slot, which whoever comes joins; nil where none waits
}

type gathered struct {
	now      time.Time // when the last one joined
	entries  []Entry
	outcomes []Outcome
	done     chan struct{} // closed when outcomes are there
}

// RecordOne records one earning as Record does, together with those that other calls record at the same time. When ctx
// is done before the earning's outcome is known, it is the context's error, and the earning may be recorded or not.
func (l *Ledger) RecordOne(ctx context.Context, now time.Time, entry Entry) Outcome {
	if err := ctx.Err(); err != nil {
		return Outcome{Err: err}
	}
	batch, place := l.single.join(now, entry)
	if place == 0 {
		l.recordGathered(context.WithoutCancel(ctx), batch) // for the others, too
		return batch.outcomes[0]
	}
	select {
	case <-batch.done:
		return batch.outcomes[place]
	case <-ctx.Done():
		return Outcome{Err: ctx.Err()}
	}
}

// join adds an entry to the open batch, and returns its place there. Who gets the first one has to have the batch recorded.
func (g *gatherer) join(now time.Time, entry Entry) (batch *gathered, place int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = &gathered{done: make(chan struct{})}
	}
	batch = g.open
	batch.now = now
	batch.entries = append(batch.entries, entry)
	if len(batch.entries) == mostTogether {
		g.open = nil
	}
	return batch, len(batch.entries) - 1
}

// recordGathered records a batch when its turn has come. Until then others may join.
func (l *Ledger) recordGathered(ctx context.Context, batch *gathered) {
	g := &l.single
	g.slots <- struct{}{}
	g.mu.Lock()
	if g.open == batch {
		g.open = nil
	}
	g.mu.Unlock()
	defer func() {
		if batch.outcomes == nil { // a panic, which the others must not wait for
			batch.outcomes = make([]Outcome, len(batch.entries))
			for i := range batch.outcomes {
				batch.outcomes[i].Err = errInterrupted
			}
		}
		<-g.slots
		close(batch.done)
	}()
	batch.outcomes = l.Record(ctx, batch.now, batch.entries)
}
