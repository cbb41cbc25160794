package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

// A Line has batches recorded one after the other. Those that wait are recorded together: a store writes many keys, put in order,
// with less work than the same in pieces. Nothing waits to be joined: what comes while others are at work is what waits together.
type Line struct {
	record func(ctx context.Context, now time.Time, entries []Entry) []Outcome
	// atOnce is how many groups are recorded at once. Fewer make larger groups, of which each earning costs less; one alone leaves
	// processors idle while it waits for the disk.
	atOnce int
	most   int // earnings in a group, unless it is one batch
	room   int // earnings that may wait, also those of callers that have gone
	// patience is how long a group keeps the others waiting that have nothing to do with it; 0 is for ever.
	patience time.Duration

	mu      sync.Mutex
	places  []*Place // that wait, the first first
	waiting int      // earnings in them
	working int      // groups that others wait for
	slow    int      // groups that nobody waits for any more
}

// A Place is where a batch stands in a Line. That of no entries is done.
type Place struct {
	ctx      context.Context
	now      time.Time
	entries  []Entry
	after    *Place        // nil, or the one that it must not overtake
	group    *group        // nil while it waits
	outcomes []Outcome     // once done is closed
	done     chan struct{} // nil where outcomes are there from the beginning
}

// A group is what is recorded together.
type group struct {
	places []*Place
	size   int // how many entries they have
}

const (
	// largestGroup is as large as the largest batch that is sent alone.
	largestGroup = 5000
	// waitingRoom is that of 24 streams with such a batch each, of which 8 have read one more.
	waitingRoom = 32 * largestGroup
	// Of single earnings so many are worth a group of their own.
	largestSingles = 256
	singlesRoom    = 4096
	// patience is for stores that may have one partition out, and take seconds to say so, while the others are fine.
	patience = 500 * time.Millisecond
	// mostSlow bounds how many groups are given up waiting for.
	mostSlow = 8
)

// lines sets up the lines of a ledger.
func (l *Ledger) lines() {
	l.single = Line{record: l.recordAll, atOnce: 2, most: largestSingles, room: singlesRoom}
	l.batches = Line{record: l.recordAll, atOnce: 1, most: largestGroup, room: waitingRoom}
	if _, l.together = l.db.(store.AllCommitter); !l.together {
		l.batches.patience = patience
	}
}

// Put puts a batch in line; it is recorded with after or later, if after is not nil. Entries are as for [Ledger.Record]. Where ctx is done
// before it is their turn, they are not recorded.
func (l *Ledger) Put(ctx context.Context, now time.Time, entries []Entry, after *Place) *Place {
	return l.batches.put(&Place{ctx: ctx, now: now, entries: entries, after: after})
}

func (l *Line) put(p *Place) *Place {
	if len(p.entries) == 0 {
		return p
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting >= l.room {
		p.outcomes = failed(p.entries, fault.New(fault.Unavailable, "RECORDING_BUSY", "%d earnings wait to be recorded: send it again later", l.waiting))
		return p
	}
	p.done = make(chan struct{})
	l.places, l.waiting = append(l.places, p), l.waiting+len(p.entries)
	l.wake()
	return p
}

// failed are the outcomes of entries of which none is recorded.
func failed(entries []Entry, err error) []Outcome {
	outcomes := make([]Outcome, len(entries))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

// ready is closed.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done is closed when Outcomes are there.
func (p *Place) Done() <-chan struct{} {
	if p.done == nil {
		return ready
	}
	return p.done
}

// Outcomes returns what became of each entry, in their order, once Done is closed.
func (p *Place) Outcomes() []Outcome { return p.outcomes }

// do puts entries in line, and waits for their outcomes. Where ctx is done before, each is the context's error.
func (l *Line) do(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	if err := ctx.Err(); err != nil {
		return failed(entries, err)
	}
	p := l.put(&Place{ctx: ctx, now: now, entries: entries})
	select {
	case <-p.Done():
		return p.Outcomes()
	case <-ctx.Done():
		return failed(entries, ctx.Err())
	}
}

// wake has somebody work, if there is what to do. The line is locked.
func (l *Line) wake() {
	if len(l.places) > 0 && l.working < l.atOnce {
		l.working++
		go l.work()
	}
}

// work records what waits, until nothing does.
func (l *Line) work() {
	for {
		l.mu.Lock()
		g := l.take()
		if g == nil {
			l.working--
			l.mu.Unlock()
			return
		}
		impatient := l.patience > 0 && l.slow < mostSlow
		l.mu.Unlock()
		if !impatient {
			g.run(l.record)
			continue
		}
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			g.run(l.record)
		}()
		select {
		case <-finished:
		case <-time.After(l.patience):
			l.leave(finished)
		}
	}
}

// leave goes on while a group is still at work.
func (l *Line) leave(finished <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow++
	go func() {
		<-finished
		l.mu.Lock()
		defer l.mu.Unlock()
		l.slow--
		l.wake() // what must not overtake it may go on
	}()
}

// take takes the next group out of the line, nil if nothing may go on. The line is locked.
func (l *Line) take() *group {
	g := &group{}
	kept := l.places[:0]
	full := false
	for _, p := range l.places {
		full = full || g.size > 0 && g.size+len(p.entries) > l.most
		if full || !p.mayJoin(g) {
			kept = append(kept, p)
			continue
		}
		p.group, p.after = g, nil // it need not be kept
		g.places, g.size = append(g.places, p), g.size+len(p.entries)
	}
	clear(l.places[len(kept):])
	l.places, l.waiting = kept, l.waiting-g.size
	if len(g.places) == 0 {
		return nil
	}
	return g
}

// mayJoin tells whether a place overtakes none in a group.
func (p *Place) mayJoin(g *group) bool {
	if p.after == nil || p.after.group == g {
		return true
	}
	select {
	case <-p.after.Done():
		return true
	default:
		return false
	}
}

// run records a group, but for what was given up.
func (g *group) run(record func(context.Context, time.Time, []Entry) []Outcome) {
	var now time.Time
	var ctx context.Context
	var here []*Place
	entries := make([]Entry, 0, g.size)
	for _, p := range g.places {
		if err := p.ctx.Err(); err != nil {
			p.outcomes = failed(p.entries, err)
			close(p.done)
			continue
		}
		if p.now.After(now) {
			now = p.now
		}
		ctx, here, entries = context.WithoutCancel(p.ctx), append(here, p), append(entries, p.entries...)
	}
	if len(here) == 0 {
		return
	}
	var outcomes []Outcome
	// In this goroutine, a panic would end the process.
	if err := guarded(func() { outcomes = record(ctx, now, entries) }); err != nil {
		outcomes = failed(entries, err)
	}
	for _, p := range here {
		n := len(p.entries)
		p.outcomes, outcomes = outcomes[:n:n], outcomes[n:]
		close(p.done)
	}
}
