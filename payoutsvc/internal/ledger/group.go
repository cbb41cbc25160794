package ledger

import (
	"context"
	"time"
)

// A group is what is recorded together.
type group struct {
	places   []*Place
	size     int  // how many entries they have
	begun    bool // part of it is recorded: another may begin beside it
	order    *order
	patience time.Duration // how long others wait for it; unlike the line's, 0 is not at all
}

// take takes the next group out of the line, to be recorded beside another if there is one; nil if nothing may go on. While a group is
// slow, each batch is a group of its own: a partition that is out is to hold up as few as possible. The line is locked.
func (l *Line) take(beside *group) *group {
	g := &group{}
	sortByTurns(l.places)
	kept := l.places[:0]
	full := map[string]bool{} // callers with a batch that finds no room: their later ones don't overtake it, and those of others may
	for _, p := range l.places {
		if g.size > 0 && (l.slow > 0 || g.size+len(p.entries) > l.most) {
			full[p.caller] = true
		}
		if full[p.caller] || !p.mayJoin(g, beside) {
			kept = append(kept, p)
			continue
		}
		p.group = g
		if p.after != nil && p.after.group == g {
			p.after = p.after.after // what that waits for, this one waits for, too
		}
		if beside == nil || p.after != nil && p.after.group != beside {
			p.after = nil // it need not be kept
		}
		g.places, g.size = append(g.places, p), g.size+len(p.entries)
	}
	clear(l.places[len(kept):])
	l.places = kept
	l.waiting -= g.size
	if len(g.places) == 0 {
		return nil
	}
	return g
}

// mayJoin tells whether a place overtakes nothing when it joins a group: what is in the group beside that, if there is one, it can't (see order).
func (p *Place) mayJoin(g, beside *group) bool {
	if p.after == nil || p.after.group == g || beside != nil && p.after.group == beside {
		return true
	}
	select {
	case <-p.after.Done():
		return true
	default:
		return false
	}
}

// record records a group, but for what was given up. All of it is recorded as of the latest moment at which one was put in line, so that
// record times never go back.
func (l *Line) record(g *group) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		g.begun = true // also where it was given up as a whole
		if g.order != nil {
			g.order.before = nil // a group that somebody keeps keeps none of those before it
		}
	}()
	var now time.Time
	entries := make([]Entry, 0, g.size)
	results := make([]result, len(g.places))
	for i, p := range g.places {
		results[i].place = p
		if err := p.ctx.Err(); err != nil {
			results[i].outcomes = failed(p.entries, err)
			continue
		}
		if p.now.After(now) {
			now = p.now
		}
		entries = append(entries, p.entries...)
	}
	g.places = nil // a place that somebody keeps keeps none of the others
	outcomes := l.recordEntries(now, entries, g.order)
	for i := range results {
		if r := &results[i]; r.outcomes == nil {
			n := len(r.place.entries)
			r.outcomes, outcomes = outcomes[:n:n], outcomes[n:]
		}
	}
	l.finishAll(results)
}

// recordEntries is recordGroup in a goroutine that nobody guards, where a panic would end the process.
func (l *Line) recordEntries(now time.Time, entries []Entry, o *order) (outcomes []Outcome) {
	if len(entries) == 0 {
		return nil
	}
	err := guarded(func() error {
		outcomes = l.recordGroup(context.Background(), now, entries, o) // nobody's: no caller ends it for the others
		return nil
	})
	if err != nil {
		return failed(entries, err)
	}
	return outcomes
}

// A result is what became of a place.
type result struct {
	place    *Place
	outcomes []Outcome // nil while it is not known
}

// finishAll finishes places, each after the one that it must not overtake. That may be at work still, in partitions where this one has
// nothing, and whatever is put behind this one waits for this one alone.
func (l *Line) finishAll(results []result) {
	var waiting []result
	l.mu.Lock()
	for _, r := range results {
		if r.place.after == nil {
			l.finish(r.place, r.outcomes)
		} else {
			waiting = append(waiting, r)
		}
	}
	l.mu.Unlock()
	for _, r := range waiting {
		<-r.place.after.Done()
		l.mu.Lock()
		r.place.after = nil
		l.finish(r.place, r.outcomes)
		l.mu.Unlock()
	}
}
