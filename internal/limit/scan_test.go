package limit

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// look begins a call of a caller that looks at so many entries, and returns how many it came to. It is over when its context is.
func look(t *testing.T, ctx context.Context, l *Limiter, caller string, entries int) (looked int, err error) { //nolint:revive // t comes first
	t.Helper()
	ctx, release, err := l.Admit(ctx, caller)
	if err != nil {
		t.Error(err)
		return 0, err
	}
	defer release()
	s := ScanOf(ctx)
	for range entries {
		if err := s.Look(ctx); err != nil {
			return looked, err
		}
		looked++
	}
	return looked, nil
}

// wantRefusal wants a refusal that says when to come again.
func wantRefusal(t *testing.T, what string, err error, reason string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Limit || e.Reason != reason || e.RetryAfter <= 0 {
		t.Errorf("%s: %#v, want %s and when to come again", what, err, reason)
	}
}

// scanning is in a bubble whose time is its own, with a limiter that has 1000 entries a second.
func scanning(t *testing.T, f func(t *testing.T, l *Limiter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{RateLimit: 50}, nil, quiet())
		f(t, l)
		if len(l.scans.taken) != 0 || len(l.inFlight.taken) != 0 {
			t.Errorf("places are left behind: %v to look at much, %v in flight", l.scans.taken, l.inFlight.taken)
		}
	})
}

// spend uses up what a caller may look at at once.
func spend(t *testing.T, l *Limiter, caller string) {
	t.Helper()
	if looked, err := look(t, t.Context(), l, caller, freeEntries+scanBurst/grant*grant); err != nil {
		t.Fatalf("after %d entries: %v", looked, err)
	}
}

// A caller looks at many entries at its rate, and nobody else waits for that; its own small lists do not either.
func TestScan_WaitsForItsRate(t *testing.T) {
	scanning(t, func(t *testing.T, l *Limiter) {
		begin := time.Now()
		spend(t, l, "greedy")
		if d := time.Since(begin); d > 0 {
			t.Errorf("what a caller may look at at once took %v", d)
		}
		begin = time.Now()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if looked, err := look(t, t.Context(), l, "greedy", 2560); err != nil {
					t.Errorf("after %d entries: %v", looked, err)
				}
			})
		}
		synctest.Wait() // all wait for the rate
		if _, err := look(t, t.Context(), l, "greedy", freeEntries); err != nil {
			t.Error(err)
		}
		spend(t, l, "modest")
		if d := time.Since(begin); d > 0 {
			t.Errorf("others, and a small list of the same caller, waited for %v", d)
		}
		all.Wait()
		// But for what is free and what was left of the burst, 1000 entries a second, whoever of the four they are for.
		if d := time.Since(begin).Seconds(); d < 9.8 || d > 10.1 {
			t.Errorf("4 calls looked at 2560 entries each in %.2f s, want about 9.9", d)
		}
	})
}

// More calls than a caller may have look at no more than any call does, and what is of the usual size is never refused.
func TestScan_FewAtOnce(t *testing.T) {
	scanning(t, func(t *testing.T, l *Limiter) {
		spend(t, l, "greedy")
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range mostScans {
			waiting.Go(func() {
				if _, err := look(t, ctx, l, "greedy", 10_000); !errors.Is(err, context.Canceled) {
					t.Errorf("a call whose context ends while it waits: %v", err)
				}
			})
			synctest.Wait()
		}
		looked, err := look(t, t.Context(), l, "greedy", 10_000)
		if looked != freeEntries {
			t.Errorf("one more call looked at %d entries, want %d", looked, freeEntries)
		}
		wantRefusal(t, "one more call", err, "TOO_MANY_SCANS_AT_ONCE")
		if _, err := look(t, t.Context(), l, "greedy", freeEntries); err != nil {
			t.Errorf("a page of the usual size: %v", err)
		}
		if _, err := look(t, t.Context(), l, "modest", 10_000); err != nil {
			t.Errorf("another caller: %v", err)
		}
		cancel()
		waiting.Wait()
		if _, err := look(t, t.Context(), l, "greedy", freeEntries+grant); err != nil {
			t.Errorf("after the others have gone: %v", err)
		}
	})
}

// A call that can't come to its end is told so, and what to do, before it has waited.
func TestScan_BeyondTheDeadline(t *testing.T) {
	scanning(t, func(t *testing.T, l *Limiter) {
		spend(t, l, "greedy")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		looked, err := look(t, ctx, l, "greedy", 10_000)
		wantRefusal(t, "a call with 3 s", err, "SCAN_TOO_LONG")
		if d := time.Since(begin); d > 3*time.Second || looked < 3000 {
			t.Errorf("it looked at %d entries in %v, want about 3200 in less than its 3 s", looked, d)
		}
	})
}

// What is nobody's, and all calls without a limit, look at whatever they want.
func TestScan_OfNobody(t *testing.T) {
	scanning(t, func(t *testing.T, _ *Limiter) {
		var nobodys *Scan
		if s := ScanOf(t.Context()); s != nobodys {
			t.Errorf("a context that is of no call has the scan %+v", s)
		}
		begin := time.Now()
		for range 10 * scanBurst {
			if err := nobodys.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 * runtime.GOMAXPROCS(0) {
			if err := errors.Join(nobodys.Begin(t.Context()), nobodys.Turn(t.Context())); err != nil || !nobodys.Large() {
				t.Fatalf("its turn: %v", err)
			}
		}
		if _, err := look(t, t.Context(), New(Settings{}, nil, quiet()), "ann", 10*scanBurst); err != nil {
			t.Errorf("without a limit: %v", err)
		}
		if d := time.Since(begin); d > 0 {
			t.Errorf("it waited for %v", d)
		}
	})
}

// reading begins a call of a caller that waits for its turn, if it has to. It is over when its end is called.
func reading(t *testing.T, l *Limiter, caller string) (s *Scan, end func()) {
	t.Helper()
	ctx, end, err := l.Admit(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	return ScanOf(ctx), end
}

// pass has some time of a bubble pass.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	over, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-over.Done()
}

// A call keeps its turn until it is over, whatever it reads, but for while it waits for its rate.
func TestScan_Turn(t *testing.T) {
	scanning(t, func(t *testing.T, l *Limiter) {
		l.turns.free = 1
		spend(t, l, "greedy")
		greedy, endGreedy := reading(t, l, "greedy")
		if greedy.Large() {
			t.Error("a call has its turn before it has waited for it")
		}
		for range 2 {
			if err := greedy.Turn(t.Context()); err != nil || !greedy.Large() {
				t.Errorf("its turn: %v", err)
			}
		}
		var modests time.Duration // how long it has waited
		begin := time.Now()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			modest, end := reading(t, l, "modest")
			defer end()
			if err := modest.Turn(t.Context()); err != nil {
				t.Error(err)
			}
			modests = time.Since(begin)
		})
		pass(t, time.Second)
		if modests != 0 {
			t.Errorf("another had its turn after %v, while a call had the only one", modests)
		}
		if err := greedy.Reserve(t.Context(), freeEntries+100); err != nil {
			t.Error(err)
		}
		waiting.Wait()
		if modests != time.Second || !greedy.Large() {
			t.Errorf("another had its turn after %v, want 1 s, when the first one began to wait for its rate and would go on", modests)
		}
		endGreedy()
		if l.turns.free != 1 {
			t.Error("a call that is over has its turn")
		}
	})
}

// Of a call that reads several things at once, what is large is let go of while another of them waits for the turn.
func TestScan_Large(t *testing.T) {
	l := New(Settings{RateLimit: 50}, nil, quiet())
	l.turns.free = 0
	ctx, cancel := context.WithCancel(t.Context())
	s, end := reading(t, l, "greedy")
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if err := s.Turn(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a turn that does not come: %v", err)
		}
	})
	for s.turning.TryLock() { // until it waits
		s.turning.Unlock()
		runtime.Gosched()
	}
	told := make(chan bool)
	waiting.Go(func() { told <- s.Large() })
	select {
	case hasTurn := <-told:
		if hasTurn {
			t.Error("a call that waits for its turn has it")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits, too, and holds what it has read")
		cancel()
		<-told
	}
	cancel()
	waiting.Wait()
	end()
}

// Who has just read something large waits before it reads again, and nobody else does.
func TestScan_Begin(t *testing.T) {
	scanning(t, func(t *testing.T, l *Limiter) {
		l.turns.free = 1
		holder, endHolder := reading(t, l, "holder")
		if err := holder.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		begins := func(caller string) bool {
			s, end := reading(t, l, caller)
			defer end()
			soon, cancel := context.WithTimeout(t.Context(), largeFor/2)
			defer cancel()
			err := s.Begin(soon)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			return err == nil
		}
		greedy, endGreedy := reading(t, l, "greedy")
		if !begins("greedy") {
			t.Error("a caller that has read nothing large waits")
		}
		greedy.Large()
		if begins("greedy") || !begins("modest") {
			t.Error("a caller that has read something large does not wait, or another one does")
		}
		pass(t, largeFor)
		if !begins("greedy") {
			t.Error("a caller waits long after it has read something large")
		}
		endGreedy()
		endHolder()
	})
}
