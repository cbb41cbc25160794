package plan

import (
	"slices"
	"strings"
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

// checkMove records what is wrong with the call of a move by itself: a comment
// that is too long, or missing where the move needs one, and that nothing is
// confirmed by submitting (rule L8).
func (c Call) checkMove(v *fault.Violations, action Action) {
	if action == SubmitPlan && c.Etag == "" {
		v.Add("etag", "FIELD_REQUIRED", "is required, to confirm what is submitted")
	}
	if slices.ContainsFunc(moves(), func(m move) bool { return m.action == action && m.comment }) {
		checkPresent(v, "comment", c.Comment)
	}
	checkLength(v, "comment", c.Comment, maxComment)
}

// UnnamedMove refuses the call of a move that does not say of what: INVALID
// lists what was found while it was read, and what else is wrong with it by itself.
func (c Call) UnnamedMove(action Action) error {
	var v fault.Violations
	c.checkMove(&v, action)
	return c.refuse(&v)
}

// Unnamed refuses a call that does not say what its content is of: INVALID
// lists what was found while it was read, and what is wrong with each field of the
// content by itself, below path. Of an update that is the fields that it changes;
// of a creation, for which changed is nil, it is all of them.
func (c Call) Unnamed(path string, content interface{ check(*fault.Violations) }, changed map[string]bool) error {
	var all, v fault.Violations
	content.check(&all)
	in := v.In(path)
	for _, f := range all.List() {
		field := f.Path
		if end := strings.IndexAny(field, ".["); end >= 0 {
			field = field[:end]
		}
		if changed == nil || changed[field] {
			in.Add(f.Path, f.Reason, "%s", f.Message)
		}
	}
	return c.refuse(&v)
}
