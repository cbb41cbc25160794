package plan

import (
	"slices"

	"github.com/incentives-dev/incentives/internal/fault"
)

// An Actor is who makes a call.
type Actor struct {
	ID   string
	Role string // by which the call is made, as the protos name it
	// Local marks the one principal of a service that knows no identities, such as
	// on a laptop. It holds every role, and is partner and owner in one person: if
	// the rule on reviewing held for it, nothing could ever be approved there.
	Local bool
}

// checkReview refuses an actor that submitted the plan, whichever time it was:
// nobody reviews a plan that they submitted (docs/rules.md §5).
func (p *Plan) checkReview(actor Actor, action Action) error {
	if !actor.Local && slices.Contains(p.Submitters, actor.ID) {
		return selfReview(actor, action)
	}
	return nil
}

func selfReview(actor Actor, action Action) error {
	return fault.New(fault.Denied, "SELF_REVIEW", "%s is not for %s, who submitted it: somebody else has to review it", action, actor.ID).
		With("action", string(action))
}
