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
	// Comment is what the caller says with it, where the call has one; at most 2,000 characters.
	Comment string
	// Violations are those that were found while the request was read, or nil. They
	// are answered together with those that are found here, and only read, so
	// that a call can be made again on newer state.
	Violations *fault.Violations
}

// stamp is Now as it is kept: in UTC, to the microsecond, which is what an etag tells apart.
func (c Call) stamp() time.Time { return c.Now.UTC().Truncate(time.Microsecond) }

// refuse returns one error with what was found while the request was read and
// what was found since, or nil. A field that could not be read is empty here,
// so that what reading found of it is the whole truth.
func (c Call) refuse(found *fault.Violations) error {
	var all fault.Violations
	unread := map[string]bool{}
	if c.Violations != nil {
		for _, f := range c.Violations.List() {
			all.Add(f.Path, f.Reason, "%s", f.Message)
			unread[f.Path] = true
		}
	}
	for _, f := range found.List() {
		if !unread[f.Path] {
			all.Add(f.Path, f.Reason, "%s", f.Message)
		}
	}
	return all.Err()
}

// checkComment records a comment that is too long, or missing where it is required.
func (c Call) checkComment(v *fault.Violations, required bool) {
	if required {
		checkPresent(v, "comment", c.Comment)
	}
	checkLength(v, "comment", c.Comment, maxComment)
}
