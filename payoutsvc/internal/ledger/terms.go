package ledger

import (
	"context"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Terms is where a run reads plans' terms. They are those of the moment, never
// cached: no plan is paid by a limit that is no longer, or not yet, in force.
type Terms interface {
	// PlanTerms returns the terms of 1 to 1,000 plans (partners/{mpn_id}/plans/{plan}),
	// in their order. It fails where none can be read: with a fault.Unavailable
	// or such that goes by itself, in which case the run waits, or with another
	// error, in which case it asks for fewer plans, and fails the one that is left.
	PlanTerms(ctx context.Context, plans []string) ([]PlanTerms, error)
	// ProgramWindows returns the windows of a program (programs/{program}), as [payout.Terms] have them.
	ProgramWindows(ctx context.Context, program string) (string, error)
}

// PlanTerms are one plan's terms, or why there are none.
type PlanTerms struct {
	Terms payout.Terms
	Err   error // PLAN_NOT_FOUND, for example; fails this plan alone. Rule R3
}
