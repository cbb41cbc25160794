package plan

import (
	"strconv"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// CheckEtag returns ETAG_MISMATCH where what was read, and is now to be changed
// or confirmed, has changed since. An empty given is of a caller that does not
// ask. Rule L8.
func CheckEtag(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return fault.New(fault.Conflict, "ETAG_MISMATCH", "it has changed since it was read: its etag is %q, not %q; read it again", current, given)
}

// Etag changes with every change of the program. Rule L8.
func (p *Program) Etag() string { return etag(p.Revision, p.CreateTime) }

// Etag changes with every change of the enrollment. Rule L8.
func (e *Enrollment) Etag() string { return etag(e.Revision, e.CreateTime) }

// Etag changes with every change of the plan, its campaigns, activities and limits. Rule L8.
func (p *Plan) Etag() string { return etag(p.Revision, p.CreateTime) }

// Etag changes with every change of the campaign and its activities. Rule L8.
func (c *Campaign) Etag() string { return etag(c.Revision, c.CreateTime) }

// Etag changes with every change of the activity. Rule L8.
func (a *Activity) Etag() string { return etag(a.Revision, a.CreateTime) }

// Etag changes with every change of the limit change. Rule L8.
func (l *LimitChange) Etag() string { return etag(l.Revision, l.CreateTime) }

// etag tells states of one resource apart, and with the time of creation also
// one that was deleted from one created anew under its name.
func etag(revision int64, created time.Time) string {
	return strconv.FormatInt(revision, 10) + "-" + strconv.FormatInt(created.UnixMicro(), 36)
}
