package ledger

import (
	"context"
	"time"
)

// A group is what is recorded together.
type group struct {
	places   []*Place
	size     int  // how many entries they have
	begun    bool // part of it is recorded, or nobody waits for it: another may begin beside it
	order    *order
	patience time.Duration // how long others wait for it; unlike the line's, 0 is not at all
}

// take takes the next group out of the line, to be recorded beside another if there is one; nil if nothing may go on. While something is
// slow, each batch is on its own: what is out takes as few with it as possible. The line is locked.
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

// mayJoin tells whether a place overtakes none in a group. What is in the group beside it, if there is one, it does not overtake: see order.
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

// recordNext records a group, but for what was given up. All of it is recorded as of the latest moment at which one was put in line, so that
// record times never go back.
func (l *Line) recordNext(g *group) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		g.begun = true // also where it was given up as a whole
		if g.order != nil {
			g.order.before = nil // a group that somebody keeps keeps none of those before it
		}
	}()
	var now time.Time
	var here []*Place
	entries := make([]Entry, 0, g.size)
	done := make([]result, 0, len(g.places))
	for _, p := range g.places {
		if err := p.ctx.Err(); err != nil {
			done = append(done, result{p, failed(p.entries, err)})
			continue
		}
		if p.now.After(now) {
			now = p.now
		}
		here, entries = append(here, p), append(entries, p.entries...)
	}
	g.places = nil // a place that somebody keeps keeps none of the others
	if len(here) == 0 {
		l.finishAll(done)
		return
	}
	var outcomes []Outcome
	// In this goroutine, a panic would end the process.
	err := guarded(func() error {
		outcomes = l.recordGroup(context.Background(), now, entries, g.order) // nobody's: no caller ends it for the others
		return nil
	})
	if err != nil {
		outcomes = failed(entries, err)
	}
	for _, p := range here {
		n := len(p.entries)
		done = append(done, result{p, outcomes[:n:n]})
		outcomes = outcomes[n:]
	}
	l.finishAll(done)
}

// A result is what became of a place.
type result struct {
	place    *Place
	outcomes []Outcome
}

// finishAll finishes places, each after the one that it must not overtake: that may be at work still, where this one has nothing, and
// what comes after this one looks no further.
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
