package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

// A Line has batches recorded one after the other. Those that wait are recorded together: a store writes many keys, put in order,
// with less work than the same in pieces. No batch is held back to be joined by others: a group is whatever arrived while the last one
// was recorded, or, where groups overlap, while it began to be.
type Line struct {
	recordGroup func(ctx context.Context, now time.Time, entries []Entry, o *order) []Outcome
	overlaps    bool // a group begins when part of the last one is recorded, and not all of it
	most        int  // earnings in a group, unless it is one batch
	room        int  // earnings that may wait or be at work, also those of callers that have gone; there may be one batch more
	own         int  // of these, those of one caller
	modest      int  // a caller with less may have more there, also where others fill the line
	// patience is how long a group keeps others waiting; 0 is for ever.
	patience time.Duration

	mu           sync.Mutex
	places       []*Place       // that wait, the first first
	waiting      int            // earnings in them
	unrecorded   int            // likewise, and in groups until they are recorded
	unrecordedOf map[string]int // of these, those of each caller
	working      int            // how many goroutines take groups
	slow         int            // groups that are at work, and that they wait for no more
	last         *group         // that was begun
}

// A Place is where a batch stands in a Line. That of no entries is done when the one is that it must not overtake.
type Place struct {
	ctx      context.Context
	caller   string // "" is nobody in particular
	turn     int    // how many of its caller's are before it; see sortByTurns
	now      time.Time
	entries  []Entry
	after    *Place        // nil, or the one that it must not overtake
	group    *group        // nil while it waits
	outcomes []Outcome     // once done is closed
	done     chan struct{} // nil where outcomes are there from the beginning
}

const (
	// LargestBatch is how many earnings a batch may hold.
	LargestBatch = 5000
	// largestGroup is how many are recorded together: of twice as many, each takes less time, since Pebble finds the place of a key from
	// that of the one before it.
	largestGroup = 2 * LargestBatch
	// MaxStreams is how many streams may put batches in line. Each has one batch there.
	MaxStreams = 24
	// MaxStreamsOfCaller is how many of them are one caller's, so that nobody takes all.
	MaxStreamsOfCaller = 12
	// MaxReadsAhead is how many batches more they have there together.
	MaxReadsAhead = 8
	// MaxReadsAheadOfStream is how many of these are one stream's: while one is recorded, two that wait make a large group.
	MaxReadsAheadOfStream = 2
	// waitingRoom bounds what callers have waiting, or at work: all batches that streams may have read, or as many of others;
	// ownRoom what one has.
	waitingRoom = (MaxStreams + MaxReadsAhead) * LargestBatch
	ownRoom     = (MaxStreamsOfCaller + MaxReadsAhead) * LargestBatch
	// Of single earnings so many are worth a group of their own.
	largestSingles = 256
	singlesRoom    = 4096
	modestSingles  = 16
	// patience is for stores that may have one partition out, and take seconds to say so, while the others are fine. What is healthy
	// takes a fifth of it.
	patience = time.Second
	// mostSlow bounds how many groups are at work that nobody waits for.
	mostSlow = 32
)

// lines sets up the lines of a ledger.
func (l *Ledger) lines() {
	// One group at once, since what waits for it comes together: twice as many in a group are worth more than to work while the disk does. It
	// needs no patience: a store that makes many commits as one is out as a whole.
	l.single = Line{recordGroup: l.recordGroup, most: largestSingles, room: singlesRoom, own: singlesRoom, modest: modestSingles}
	l.batches = Line{recordGroup: l.recordGroup, most: largestGroup, room: waitingRoom, own: ownRoom, modest: LargestBatch}
	_, l.commitsTogether = l.db.(store.AllCommitter)
	if !l.commitsTogether {
		l.batches.patience = patience
		l.batches.overlaps = true // such a store is another process, and has nothing to do while the next group is made ready
	}
}

// Put puts a batch in line, however much waits there: its callers bound what they have there themselves. Where after is not nil, the batch
// does not overtake that: an id that both have is decided on in their order, and it is not done before after is. An empty batch is
// done when after is. Entries are as for [Ledger.Record]. Where ctx is done before it is their turn, they are not recorded.
func (l *Ledger) Put(ctx context.Context, now time.Time, entries []Entry, after *Place) *Place {
	return l.batches.put(&Place{ctx: ctx, now: now, entries: entries, after: after}, false)
}

// put puts a place in line. If mayRefuse, it is refused where too much waits.
func (l *Line) put(p *Place, mayRefuse bool) *Place {
	if len(p.entries) == 0 {
		if p.after != nil {
			p.done = p.after.done
		}
		p.after, p.entries = nil, nil // of a stream of nothing else, each would keep all before it
		return p
	}
	who, _ := auth.Caller(p.ctx)
	p.caller = who.Key()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.busy(p.caller); mayRefuse && err != nil {
		p.outcomes = failed(p.entries, err)
		return p
	}
	p.done = make(chan struct{})
	l.places = append(l.places, p)
	l.waiting += len(p.entries)
	l.addUnrecorded(p, len(p.entries))
	l.wake()
	return p
}

// busy is RECORDING_BUSY where too much waits for a caller to put more in line. Where others fill the line, whoever has little
// there may put more: streams are never refused, and theirs alone may be all there is room for. The line is locked.
func (l *Line) busy(caller string) error {
	own := l.unrecordedOf[caller]
	full := l.unrecorded >= l.room && (caller == "" || own >= l.modest)
	if full || caller != "" && own >= l.own {
		return fault.New(fault.Unavailable, "RECORDING_BUSY", "%d earnings wait, of which %d are of this caller: send it again later", l.unrecorded, own)
	}
	return nil
}

// Busy is RECORDING_BUSY where [Ledger.Record] would refuse a batch now: what is refused before it is looked at costs least.
func (l *Ledger) Busy(ctx context.Context) error {
	who, _ := auth.Caller(ctx)
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	return l.batches.busy(who.Key())
}

// addUnrecorded counts so many more earnings of a place as not recorded; fewer when they are, or are given up. The line is locked.
func (l *Line) addUnrecorded(p *Place, n int) {
	l.unrecorded += n
	if l.unrecordedOf == nil {
		l.unrecordedOf = map[string]int{}
	}
	l.unrecordedOf[p.caller] += n
	if l.unrecordedOf[p.caller] == 0 {
		delete(l.unrecordedOf, p.caller)
	}
}

// sortByTurns has each caller take its turn: one that sent much does not go before the others with all of it.
func sortByTurns(places []*Place) {
	turns := map[string]int{}
	for _, p := range places {
		p.turn = turns[p.caller]
		turns[p.caller]++
	}
	if len(turns) > 1 {
		slices.SortStableFunc(places, func(a, b *Place) int { return a.turn - b.turn })
	}
}

// failed are the outcomes of entries of which none is recorded.
func failed(entries []Entry, err error) []Outcome {
	outcomes := make([]Outcome, len(entries))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

// closed is a channel that is closed.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done is closed when Outcomes are there.
func (p *Place) Done() <-chan struct{} {
	if p.done == nil {
		return closed
	}
	return p.done
}

// Outcomes returns what became of each entry, in their order, once Done is closed.
func (p *Place) Outcomes() []Outcome { return p.outcomes }

// do puts entries in line, and waits for their outcomes. Where ctx is done before, each is the context's error; where too much waits,
// it is RECORDING_BUSY.
func (l *Line) do(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	if err := ctx.Err(); err != nil {
		return failed(entries, err)
	}
	p := l.put(&Place{ctx: ctx, now: now, entries: entries}, true)
	select {
	case <-p.Done():
		return p.Outcomes()
	case <-ctx.Done():
		l.giveUp(p)
		return failed(entries, ctx.Err())
	}
}

// GiveUp takes a batch out of the line that nobody waits for any more, if it is not being recorded yet: what has gone takes no memory. It is
// done at once, whatever it must not overtake.
func (l *Ledger) GiveUp(p *Place) { l.batches.giveUp(p) }

func (l *Line) giveUp(p *Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.places, p)
	if at < 0 {
		return
	}
	l.places = slices.Delete(l.places, at, at+1)
	for _, q := range l.places {
		if q.after == p {
			q.after = p.after // which it must not overtake either
		}
	}
	l.waiting -= len(p.entries)
	l.finish(p, failed(p.entries, context.Canceled))
}

// finish tells those that wait for a place what became of it. The line is locked.
func (l *Line) finish(p *Place, outcomes []Outcome) {
	l.addUnrecorded(p, -len(p.entries))
	p.outcomes, p.entries = outcomes, nil
	close(p.done)
}

// wake has somebody work, if there is what to do. The line is locked.
func (l *Line) wake() {
	if g := l.begin(l.working); g != nil {
		l.working++
		go l.work(g)
	}
}

// begin takes the next group, to be recorded beside so many others that are waited for; nil if none may. One that begins beside another is
// to be as large as that, or groups would only become smaller. The line is locked.
func (l *Line) begin(others int) *group {
	if others > 1 || others == 1 && (!l.overlaps || !l.last.begun || l.slow > 0 || l.waiting < l.last.size) {
		return nil
	}
	var beside *group
	if others == 1 {
		beside = l.last
	}
	g := l.take(beside)
	if g == nil {
		return nil
	}
	if l.overlaps {
		g.order = &order{partRecorded: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			g.begun = true
			l.wake()
		}}
		if beside != nil {
			g.order.before = beside.order
		}
	}
	g.patience = l.patience
	if l.slow > 0 {
		g.patience = 0
	}
	l.last = g
	return g
}

// work records a group, and then what waits, until nothing does, or others do it.
func (l *Line) work(g *group) {
	for g != nil {
		l.recordOrLeave(g)
		l.mu.Lock()
		if g = l.begin(l.working - 1); g == nil {
			l.working--
		}
		l.mu.Unlock()
	}
}

// recordOrLeave records a group, and leaves it at work where that takes too long.
func (l *Line) recordOrLeave(g *group) {
	if l.patience == 0 {
		l.record(g)
		return
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		l.record(g)
	}()
	for patience := g.patience; ; patience = l.patience { // where too many are slow, some may be recorded meanwhile
		select {
		case <-finished:
			return
		case <-time.After(patience): //nolint:forbidigo // it is about how long the store takes, whatever the clock says
			if l.leave(finished) {
				return
			}
		}
	}
}

// leave has nobody wait any more for a group that is at work; false if too many are left already.
func (l *Line) leave(finished <-chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slow == mostSlow {
		return false
	}
	l.slow++
	go func() {
		<-finished
		l.mu.Lock()
		defer l.mu.Unlock()
		l.slow--
		l.wake() // what must not overtake it may go on
	}()
	return true
}
