package limit

import (
	"context"
	"time"
)

const (
	// freeAlways is how many entries any call looks at for nothing: more than a page of the usual size has.
	freeAlways = 64
	// freeEntries is how many it looks at for nothing while the caller has a place left to look at more: a reviewer's queue, or a page
	// that a filter passes some entries over for.
	freeEntries = 256
	// mostScans is how many calls of one caller look at more than that at once, or wait to. It is few, since they have one
	// rate: the more there are, the longer each takes.
	mostScans = 16
	// entriesPerCall is how many entries are worth a call: a caller that may make 1000 calls a second may look at 20,000 entries. Whoever
	// reads all there is in pages of 250 never pays.
	entriesPerCall = 20
	// scanBurst is how many it looks at without a wait when it has not looked at any for a while: three pages that find nothing.
	scanBurst = 30_000
	// grant is how many are paid for at once.
	grant = 256
)

// A Scan is what one call looks at to answer: a list with a filter goes over many entries, and may find none, so how many calls there are
// says little about their work. The nil Scan is of a call that is nobody's, and may look at everything. It is for one goroutine at a time.
type Scan struct {
	limiter *Limiter
	caller  string
	granted int    // entries so far
	left    int    // of them, those that it has not looked at yet
	leave   func() // nil while it has no place
}

type scanKey struct{}

// ScanOf is the scan of the call that a context is of; nil where it is nobody's, such as that of a payout run.
func ScanOf(ctx context.Context) *Scan {
	s, _ := ctx.Value(scanKey{}).(*Scan)
	return s
}

// Admit takes one call of a caller, as Take does. What lists look at in the context is the caller's.
func (l *Limiter) Admit(ctx context.Context, name string) (admitted context.Context, release func(), err error) {
	leave, err := l.Take(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if l.perSecond == 0 {
		return ctx, leave, nil
	}
	s := &Scan{limiter: l, caller: name}
	return context.WithValue(ctx, scanKey{}, s), func() {
		if s.leave != nil {
			s.leave()
		}
		leave()
	}, nil
}

// Look is called before each entry that is looked at. It waits for the caller's rate where the call has looked at many.
// RESOURCE_EXHAUSTED where as many of the caller's calls do so already, or the call's time does not suffice.
func (s *Scan) Look(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if s.left == 0 {
		n, err := s.more(ctx)
		if err != nil {
			return err
		}
		s.granted, s.left = s.granted+n, n
	}
	s.left--
	return nil
}

// more grants more entries.
func (s *Scan) more(ctx context.Context) (n int, err error) {
	if s.granted == 0 {
		return freeAlways, nil
	}
	if s.leave == nil {
		leave, ok := s.limiter.scans.Take(s.caller, mostScans)
		if !ok {
			return 0, tooMuch("TOO_MANY_SCANS_AT_ONCE", time.Second,
				"%d calls of this caller look at many entries each, which is as many as are taken: make fewer at once, or narrow what is listed", mostScans)
		}
		if s.granted < freeEntries {
			leave() // it is asked only whether there is one
			return freeEntries - s.granted, nil
		}
		s.leave = leave
	}
	err = s.limiter.caller(s.caller).scans.WaitN(ctx, grant)
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil { // it would wait beyond the deadline, and does not
		return 0, tooMuch("SCAN_TOO_LONG", time.Second,
			"what is listed takes a look at more entries than there is time for, at %d a second: narrow the parent or the filter", s.limiter.scanRate())
	}
	return grant, nil
}

// scanRate is how many entries a second the calls of one caller look at.
func (l *Limiter) scanRate() int { return entriesPerCall * l.perSecond }
