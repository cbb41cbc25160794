package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freeEntries is how many entries any call looks at without being counted: more than a page of one partner has that is of the usual size.
	freeEntries = 64
	// mostScans is how many calls of one caller look at more than that at once, or wait to. It is few, since they have one
	// rate: the more there are, the longer each takes.
	mostScans = 16
	// entriesPerCall is how many entries are worth a call: a caller that may make 1000 calls a second may look at 20,000 entries.
	entriesPerCall = 20
	// scanBurst is how many it looks at without a wait when it has not looked at any for a while: three pages that find nothing.
	scanBurst = 30_000
	// grant is how many are paid for at once.
	grant = 64
	// largeFor is how long all calls of a caller wait for their turn that has read something large.
	largeFor = time.Second
)

// A Scan is what one call looks at to answer. How many calls there are says little about their work: a list with a filter goes over many entries,
// and may find none, which is what Reserve and Look are for; one entry may be as large as thousands of others, which is what Begin, Large and
// Turn are for. The nil Scan is of a call that is nobody's, and may look at everything. But for those three it is for one goroutine at a time.
type Scan struct {
	limiter    *Limiter
	name       string // of its caller
	caller     *caller
	left       int    // how many entries it may look at before it needs more
	leavePlace func() // among the caller's scans; nil while it has looked at few entries, and has none

	turning   sync.Mutex // also while it waits for its turn
	leaveTurn func()     // while it has one
	hasTurn   atomic.Bool
}

type scanKey struct{}

// ScanOf is the scan of the call that a context is of; nil where it is nobody's, such as that of a payout run, and where nobody has a rate.
func ScanOf(ctx context.Context) *Scan {
	s, _ := ctx.Value(scanKey{}).(*Scan)
	return s
}

// Admit takes one call of a caller. RESOURCE_EXHAUSTED where it has had its share, with the time until there is more. What lists look at in
// the context is the caller's. When the call is over, release has to be called.
func (l *Limiter) Admit(ctx context.Context, name string) (admitted context.Context, release func(), err error) {
	leave, err := l.take(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if l.perSecond == 0 {
		return ctx, leave, nil
	}
	s := &Scan{limiter: l, name: name, caller: l.caller(name), left: freeEntries}
	return context.WithValue(ctx, scanKey{}, s), func() {
		if s.leavePlace != nil {
			s.leavePlace()
		}
		s.endTurn()
		leave()
	}, nil
}

// Begin is called before anything is read that may be large. It waits for the call's turn where its caller has just read something large: else
// what is read would be held while it waits, or read for nothing, time and again, by a caller that gives up soon.
func (s *Scan) Begin(ctx context.Context) error {
	if s == nil || s.limiter.now().UnixNano()-s.caller.large.Load() >= int64(largeFor) {
		return nil
	}
	return s.Turn(ctx)
}

// Large is called when something large has been read. It tells whether the call has its turn, without which it has to let go of that, wait for
// its Turn, and read it again. It does not wait itself, for another goroutine of the call that waits for the turn: what was read would be held.
func (s *Scan) Large() (hasTurn bool) {
	if s == nil {
		return true
	}
	s.caller.large.Store(s.limiter.now().UnixNano())
	return s.hasTurn.Load()
}

// Turn waits for the turn of a call which reads what is so large that it takes a processor for long. Callers have one each, and few at once,
// so that who reads nothing but that leaves others theirs. A call keeps its turn until it is over, but for while it waits for its rate. The
// error is that of ctx.
func (s *Scan) Turn(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.turning.Lock()
	defer s.turning.Unlock()
	if s.hasTurn.Load() {
		return nil
	}
	leave, err := s.limiter.turns.Take(ctx, s.name)
	s.leaveTurn = leave
	s.hasTurn.Store(err == nil)
	return err
}

// endTurn ends the turn of a call, and tells whether it had one.
func (s *Scan) endTurn() bool {
	s.turning.Lock()
	defer s.turning.Unlock()
	if !s.hasTurn.Swap(false) {
		return false
	}
	s.leaveTurn()
	return true
}

// Reserve is called before so many entries are read at once, since to read them is what takes the time. Look does not wait for these then.
func (s *Scan) Reserve(ctx context.Context, entries int) error {
	if s == nil {
		return nil
	}
	for s.left < entries {
		if err := s.more(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Look is called before each entry that is looked at. It waits for the caller's rate where the call has looked at many.
// RESOURCE_EXHAUSTED where as many of the caller's calls do so already, or the call's time does not suffice.
func (s *Scan) Look(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if err := s.Reserve(ctx, 1); err != nil {
		return err
	}
	s.left--
	return nil
}

// more grants more entries.
func (s *Scan) more(ctx context.Context) error {
	if s.leavePlace == nil {
		leave, ok := s.limiter.scans.Take(s.name, mostScans)
		if !ok {
			return tooMuch("TOO_MANY_SCANS_AT_ONCE", time.Second,
				"%d calls of this caller look at many entries each, which is as many as are taken: make fewer at once, or narrow what is listed", mostScans)
		}
		s.leavePlace = leave
	}
	had := s.endTurn() // nobody else waits while it does
	err := s.caller.entries.WaitN(ctx, grant)
	if err == nil && had {
		err = s.Turn(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // it would wait beyond the deadline, and does not
		return tooMuch("SCAN_TOO_LONG", time.Second,
			"what is listed takes a look at more entries than there is time for, at %d a second: narrow the parent or the filter", s.limiter.scanRate())
	}
	s.left += grant
	return nil
}

// scanRate is how many entries a second the calls of one caller look at.
func (l *Limiter) scanRate() int { return entriesPerCall * l.perSecond }
