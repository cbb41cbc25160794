package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

// A Line has batches recorded in the order in which they are put in it. What waits there is recorded together: a store writes
// many keys, put in order, with less work than the same in pieces. Nothing waits to be joined: what comes while others are at
// work is what waits together.
type Line struct {
	record func(ctx context.Context, now time.Time, entries []Entry) []Outcome
	// atOnce is how many groups are recorded at once. Fewer make larger groups, of which each earning costs less; one alone leaves
	// processors idle while it waits for the disk, and of more, the order is not certain.
	atOnce int
	most   int // earnings in a group that is joined
	room   int // earnings that may wait, also those of callers that have gone

	mu      sync.Mutex
	groups  []*group // that wait, the first first
	waiting int      // earnings in them
	working int      // groups that are being recorded
}

// A group is what is recorded together.
type group struct {
	now      time.Time // the latest at which a batch joined
	batches  []waiting
	size     int           // how many entries they have
	outcomes []Outcome     // in their order
	done     chan struct{} // closed when outcomes are there
}

type waiting struct {
	ctx     context.Context
	entries []Entry
}

// A Place is where a batch stands in a Line.
type Place struct {
	group *group
	at, n int
}

const (
	// largestGroup is as large as the largest batch that is sent alone.
	largestGroup = 5000
	// waitingRoom is that of 24 streams with such a batch each, of which 8 have read one more.
	waitingRoom = 32 * largestGroup
	// Of single earnings so many are worth a group of their own.
	largestSingles = 256
	singlesRoom    = 4096
)

// lines sets up those that the calls of a ledger share.
func (l *Ledger) lines() {
	l.single = Line{record: l.recordAll, atOnce: 2, most: largestSingles, room: singlesRoom}
	l.batches = Line{record: l.recordAll, atOnce: 1, most: largestGroup, room: waitingRoom}
	_, l.together = l.db.(store.AllCommitter)
}

// Line returns a line for batches that follow each other. All share one; but where the store does no better with many partitions at
// once, each has its own, or one partition that is out would make the others wait.
func (l *Ledger) Line() *Line {
	if l.together {
		return &l.batches
	}
	return &Line{record: l.recordAll, atOnce: 1, most: largestGroup, room: waitingRoom}
}

// Put puts a batch at the end of the line. Entries are as for Record. Where ctx is done before it is their turn, they are not recorded.
func (l *Line) Put(ctx context.Context, now time.Time, entries []Entry) *Place {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting >= l.room {
		return nowhere(entries, fault.New(fault.Unavailable, "RECORDING_BUSY", "%d earnings wait to be recorded: send it again later", l.waiting))
	}
	var last *group
	if len(l.groups) > 0 {
		last = l.groups[len(l.groups)-1]
	}
	if last == nil || last.size+len(entries) > l.most {
		last = &group{done: make(chan struct{})}
		l.groups = append(l.groups, last)
	}
	place := &Place{group: last, at: last.size, n: len(entries)}
	if now.After(last.now) {
		last.now = now
	}
	last.batches, last.size = append(last.batches, waiting{ctx: ctx, entries: entries}), last.size+len(entries)
	l.waiting += len(entries)
	if l.working < l.atOnce {
		l.working++
		go l.work(context.WithoutCancel(ctx)) // for the others, too
	}
	return place
}

// nowhere is the place of entries that are not put in line.
func nowhere(entries []Entry, err error) *Place {
	refused := &group{outcomes: failed(entries, err), done: make(chan struct{})}
	close(refused.done)
	return &Place{group: refused, n: len(entries)}
}

// failed are the outcomes of entries of which none is recorded.
func failed(entries []Entry, err error) []Outcome {
	outcomes := make([]Outcome, len(entries))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

// Done is closed when Outcomes are there.
func (p *Place) Done() <-chan struct{} { return p.group.done }

// Outcomes returns what became of each entry, in their order, once Done is closed.
func (p *Place) Outcomes() []Outcome { return p.group.outcomes[p.at : p.at+p.n : p.at+p.n] }

// do puts entries in line, and waits for their outcomes. Where ctx is done before, each is the context's error.
func (l *Line) do(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	if err := ctx.Err(); err != nil {
		return failed(entries, err)
	}
	place := l.Put(ctx, now, entries)
	select {
	case <-place.Done():
		return place.Outcomes()
	case <-ctx.Done():
		return failed(entries, ctx.Err())
	}
}

// work records what waits, until nothing does.
func (l *Line) work(ctx context.Context) {
	for {
		l.mu.Lock()
		if len(l.groups) == 0 {
			l.groups = nil
			l.working--
			l.mu.Unlock()
			return
		}
		next := l.groups[0]
		l.groups = l.groups[1:]
		l.waiting -= next.size
		l.mu.Unlock()
		next.run(ctx, l.record)
	}
}

// run records a group, but for what was given up.
func (g *group) run(ctx context.Context, record func(context.Context, time.Time, []Entry) []Outcome) {
	entries := make([]Entry, 0, g.size)
	here := make([]bool, len(g.batches))
	for i, b := range g.batches {
		if here[i] = b.ctx.Err() == nil; here[i] {
			entries = append(entries, b.entries...)
		}
	}
	var recorded []Outcome
	// In this goroutine, a panic would end the process.
	if err := guarded(func() { recorded = record(ctx, g.now, entries) }); err != nil {
		recorded = failed(entries, err)
	}
	g.outcomes = make([]Outcome, 0, g.size)
	for i, b := range g.batches {
		if n := len(b.entries); here[i] {
			g.outcomes, recorded = append(g.outcomes, recorded[:n]...), recorded[n:]
		} else {
			g.outcomes = append(g.outcomes, failed(b.entries, b.ctx.Err())...)
		}
	}
	close(g.done)
}
