package plan

import (
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A Call is what every change comes with.
type Call struct {
	Actor Actor
	Now   time.Time
	// Etag is of the resource that is changed, as the caller read it. Empty, it is
	// not checked (rule L8); SubmitPlan needs one.
	Etag string
	// Comment is what the caller says with it, where the call has one.
	Comment string
	// Violations are those that were found while the request was read. They are
	// answered together with those that are found here, and only read.
	Violations *fault.Violations
}
