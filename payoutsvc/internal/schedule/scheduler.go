package schedule

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
)

const (
	// refresh is how often the programs are asked for: how late, at the most, a
	// new one is noticed.
	refresh = 30 * time.Second
	// mostMissed is how many runs that were missed are started, ten years of them.
	// More are missed where a clock was set far ahead. The newest are started: the
	// first of them pays what those before would have (rule C3).
	mostMissed = 120
)

// A Scheduler starts payout runs at 00:00 of the 15th in each program's time
// zone, and those that were missed while the service was down. Rule R1.
type Scheduler struct {
	// Programs returns all programs. An error is one that goes by.
	Programs func(context.Context) ([]terms.Program, error)
	// LastScheduled is [ledger.Ledger.LastScheduled].
	LastScheduled func(ctx context.Context, program string) (payout.PayDate, error)
	// Start has a run started, and carried through, after those that were handed in before.
	Start func(ledger.RunName)
	Clock clock.Clock
	// Wait returns after a duration, or with the context's error when that is done earlier.
	Wait func(context.Context, time.Duration) error
	Log  *slog.Logger

	programs []terms.Program           // as last heard
	handed   map[string]payout.PayDate // the newest pay date that was handed to Start, or is stored, by program
	trouble  string                    // what was last complained of, so that an outage is one line
}

// Run starts runs until ctx is done.
func (s *Scheduler) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wake := s.step(ctx)
		if s.Wait(ctx, wake.Sub(s.Clock())) != nil {
			return
		}
	}
}

// step starts what has to be started now, and returns when to look again.
func (s *Scheduler) step(ctx context.Context) (wake time.Time) {
	programs, err := s.Programs(ctx)
	switch {
	case err == nil:
		s.programs = programs
		s.complain(ctx, "")
	case ctx.Err() == nil:
		s.complain(ctx, err.Error()) // what was heard before is still true: zones do not change (rule P1)
	}
	now := s.Clock()
	wake = now.Add(refresh)
	if err != nil {
		wake = now.Add(retryAfter)
	}
	for _, program := range s.programs {
		if err := s.startMissed(ctx, program, now); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "payout runs can't be scheduled now", "program", program.Name, "error", err)
			continue
		}
		if next := payout.NextStart(program.Zone, now); next.Before(wake) {
			wake = next
		}
	}
	return wake
}

// startMissed hands over the runs of a program that have not been, oldest first.
func (s *Scheduler) startMissed(ctx context.Context, program terms.Program, now time.Time) error {
	if program.Zone == nil {
		return errors.New("its time zone is not known on this machine")
	}
	last, known := s.handed[program.Name]
	if !known {
		stored, err := s.lastScheduled(ctx, program, now)
		if err != nil {
			return err
		}
		last = stored
	}
	missed := payout.Missed(last, program.CreateTime, program.Zone, now)
	if left := len(missed) - mostMissed; left > 0 {
		s.Log.WarnContext(ctx, "more payout runs were missed than are started", "program", program.Name, "left_out", left, "from", missed[left].String())
		missed = missed[left:]
	}
	for _, date := range missed {
		s.Log.InfoContext(ctx, "payout run is due", "program", program.Name, "pay_date", date.String())
		s.Start(ledger.RunName{Program: program.Name, PayDate: date})
		last = date
	}
	if s.handed == nil {
		s.handed = map[string]payout.PayDate{}
	}
	s.handed[program.Name] = last
	return nil
}

// lastScheduled is the newest pay date whose run was started, as an earlier
// process has left it. Where that is still to come, the clock was ahead then.
// What it started is not undone; from now on the program is paid as if that had
// not been, which starts the last run again, and is harmless (rule R1).
func (s *Scheduler) lastScheduled(ctx context.Context, program terms.Program, now time.Time) (payout.PayDate, error) {
	last, err := s.LastScheduled(ctx, program.Name)
	if err != nil {
		return 0, err
	}
	if !last.Start(program.Zone).After(now.Add(clock.Skew)) {
		return last, nil
	}
	s.Log.WarnContext(ctx, "payout runs were started ahead of their time: was the clock ahead?", "program", program.Name, "pay_date", last.String())
	return payout.BeforeNewest(program.Zone, now), nil
}

// complain logs that programs can't be read when that is new, or that they can again.
func (s *Scheduler) complain(ctx context.Context, trouble string) {
	switch {
	case trouble != "" && s.trouble == "":
		s.Log.WarnContext(ctx, "programs can't be read; payout runs start by what is known", "error", trouble)
	case trouble == "" && s.trouble != "":
		s.Log.InfoContext(ctx, "programs can be read again")
	}
	s.trouble = trouble
}
