package ledger

import (
	"context"
	"log/slog"
	"time"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Terms is where a run reads plans' terms. They are those of the moment, never
// cached: no plan is paid by a limit that is no longer, or not yet, in force.
type Terms interface {
	// PlanTerms returns the terms of 1 to 256 plans (partners/{mpn_id}/plans/{plan}),
	// in their order. It fails where none can be read: with a fault.Unavailable
	// or such that goes by itself, in which case the run waits, or with another
	// error, in which case it asks for fewer plans, and fails the one that is left.
	PlanTerms(ctx context.Context, plans []string) ([]PlanTerms, error)
}

// PlanTerms are one plan's terms, or why there are none.
type PlanTerms struct {
	Terms payout.Terms
	Err   error // PLAN_NOT_FOUND, for example; fails this plan alone. Rule R3
}

// A Worker works payout runs to their end. Several of them, also of several
// processes, may work one run at once. Rule R2.
type Worker struct {
	Ledger *Ledger
	Terms  Terms
	Clock  clock.Clock
	// Wait returns after a duration, or with the context's error when that is done earlier.
	Wait func(context.Context, time.Duration) error
	Log  *slog.Logger
}

// Work works a run that was started, from wherever it was left, until every
// plan is done, and returns it finished. Where plans' terms or the store are
// out, it waits and tries again. It ends early when ctx is done, with the
// context's error; the run goes on when it is worked again. Rules R2, R3.
func (w *Worker) Work(ctx context.Context, name RunName) (Run, error) {
	panic("soon")
}
