package ledger

import (
	"context"
	"time"
)

// Crowd has as many single calls wait as may.
func (l *Ledger) Crowd() {
	l.single.mu.Lock()
	defer l.single.mu.Unlock()
	l.single.unrecorded = singlesRoom
}

// Hurry has the ledger lose its patience after a time that it returns, if it ever does.
func (l *Ledger) Hurry() time.Duration {
	if l.batches.patience > 0 {
		l.batches.patience = 20 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// Calm has the ledger wait for each group for a time, if it ever gives up.
func (l *Ledger) Calm(d time.Duration) {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	if l.batches.patience > 0 {
		l.batches.patience = d
	}
}

// Slow is how many groups nobody waits for any more.
func (l *Ledger) Slow() int {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	return l.batches.slow
}

// Joined is how many single earnings wait to be recorded together, and BatchesJoined how many of batches.
func (l *Ledger) Joined() int        { return l.single.joined() }
func (l *Ledger) BatchesJoined() int { return l.batches.joined() }

// BatchesCounted is how many earnings of batches wait or are at work, and of how many callers.
func (l *Ledger) BatchesCounted() (earnings, callers int) {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	return l.batches.unrecorded, len(l.batches.unrecordedOf)
}

func (l *Line) joined() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.places {
		n += len(p.entries)
	}
	return n
}

// Turns are the places of callers in line, in the order of their turns.
func Turns(callers ...string) (order []int) {
	at := map[*Place]int{}
	var places []*Place
	for i, caller := range callers {
		p := &Place{caller: caller}
		at[p] = i
		places = append(places, p)
	}
	sortByTurns(places)
	for _, p := range places {
		order = append(order, at[p])
	}
	return order
}

// A Sized is a caller with a batch of so many earnings.
type Sized struct {
	Caller string
	Size   int
}

// Groups are the groups in which batches are recorded that wait together, each batch by where it stands.
func Groups(batches ...Sized) (groups [][]int) {
	l := Line{most: largestGroup, unrecordedOf: map[string]int{}}
	at := map[*Place]int{}
	for i, b := range batches {
		p := &Place{caller: b.Caller, entries: make([]Entry, b.Size)}
		at[p] = i
		l.places = append(l.places, p)
	}
	for g := l.take(nil); g != nil; g = l.take(nil) {
		var group []int
		for _, p := range g.places {
			group = append(group, at[p])
		}
		groups = append(groups, group)
	}
	return groups
}

// GroupsKept is how many groups the line of batches holds on to: the last one, and those before it that it keeps.
func (l *Ledger) GroupsKept() (n int) {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	for o := l.batches.last.order; o != nil; o = o.before {
		n++
	}
	return n
}

// A Moment is a line at which a group is at work, or several.
type Moment struct {
	AtWork   int  // groups that others wait for
	Slow     int  // groups that nobody waits for any more
	Begun    bool // part of the last one is recorded
	Size     int  // of the last one
	Waiting  int  // earnings in line
	OneByOne bool // groups never overlap
}

// Begins tells whether a group would begin at a moment.
func (m Moment) Begins() bool {
	l := Line{
		overlaps: !m.OneByOne, most: largestGroup, slow: m.Slow, last: &group{begun: m.Begun, size: m.Size},
		places: []*Place{{entries: make([]Entry, m.Waiting)}}, waiting: m.Waiting,
	}
	return l.begin(m.AtWork) != nil
}

// PutBounded puts a batch in line as Record does, and does not wait for it.
func (l *Ledger) PutBounded(ctx context.Context, now time.Time, entries []Entry) *Place {
	return l.batches.put(&Place{ctx: ctx, now: now, entries: entries}, true)
}
