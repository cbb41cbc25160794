package plan

import (
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// maxAdmins is the most admin e-mail addresses of one enrollment.
const maxAdmins = 100

// An Enrollment is a partner's membership of a program.
type Enrollment struct {
	Partner string `json:"partner"` // MPN ID
	Program string `json:"program"` // id
	EnrollmentContent
	Revision   int64     `json:"revision"` // grows with every change
	CreateTime time.Time `json:"create_time"`
	UpdateTime time.Time `json:"update_time"`
}

// EnrollmentContent is what is said of an enrollment.
type EnrollmentContent struct {
	AdminEmails []string `json:"admin_emails,omitempty"` // the partner's incentives admins, who are notified (rule L13)
}

// CheckEnrolled returns NoProgram where a partner has no enrollment in a
// program: for it, the program does not exist. Rule L2.
func CheckEnrolled(e *Enrollment, program string) error {
	if e != nil && e.Program == program {
		return nil
	}
	return NoProgram(program)
}

// A Sight says what it takes to see something: that one of some partners is enrolled in a program. Rule L2.
type Sight struct {
	Partners []string // MPN IDs
	Program  string   // id
}

// SeenBy returns what it takes to see what has a name, for a caller who acts for partners. A program takes an enrollment of one of them; a
// plan, and all below it, one of the plan's own partner; what is neither can't be seen. Needed is false for what else is a partner's: a
// caller who acts for it sees that anyway. Rule L2.
func SeenBy(name string, partners []string) (by Sight, needed bool) {
	parts := strings.SplitN(name, "/", 5)
	if parts[0] != "partners" {
		_, program, _ := strings.Cut(name, "/")
		return Sight{Partners: partners, Program: program}, true
	}
	if len(parts) < 4 || parts[2] != "plans" {
		return Sight{}, false
	}
	program, _, _ := strings.Cut(parts[3], ".") // of what is no plan's name, none that anybody is enrolled in
	return Sight{Partners: parts[1:2], Program: program}, true
}

// NoProgram is PROGRAM_NOT_FOUND, word for word the same where there is no such
// program and where there is none for the partner who asks. Rule L2.
func NoProgram(id string) *fault.Error {
	name := "programs/" + id
	return fault.New(fault.NotFound, "PROGRAM_NOT_FOUND", "there is no program %s", name).With("program", name)
}

// NewEnrollment enrolls a partner in a program that exists, both by their ids.
// INVALID lists all that is wrong with the request, below "enrollment".
func NewEnrollment(c Call, partner, program string, content EnrollmentContent) (*Enrollment, error) {
	var v fault.Violations
	content.check(v.In("enrollment"))
	if err := c.refuse(&v); err != nil {
		return nil, err
	}
	now := c.stamp()
	return &Enrollment{
		Partner: partner, Program: program, EnrollmentContent: content,
		Revision: 1, CreateTime: now, UpdateTime: now,
	}, nil
}

// Update gives the enrollment another content. ETAG_MISMATCH as by [CheckEtag];
// INVALID lists all that is wrong with the request, below "enrollment".
func (e *Enrollment) Update(c Call, content EnrollmentContent) error {
	if err := CheckEtag(c.Etag, e.Etag()); err != nil {
		return err
	}
	var v fault.Violations
	content.check(v.In("enrollment"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	e.EnrollmentContent = content
	e.Revision++
	e.UpdateTime = c.stamp()
	return nil
}

// MayDelete returns nil where the enrollment can end, else ETAG_MISMATCH as by [CheckEtag].
func (e *Enrollment) MayDelete(c Call) error { return CheckEtag(c.Etag, e.Etag()) }

// Name is partners/{mpn_id}/enrollments/{program}.
func (e *Enrollment) Name() string { return "partners/" + e.Partner + "/enrollments/" + e.Program }

// check records all that is wrong with an enrollment. Addresses that differ in
// case alone reach one person, who is notified once.
func (c EnrollmentContent) check(v *fault.Violations) {
	checkCount(v, "admin_emails", len(c.AdminEmails), maxAdmins)
	lower := make([]string, len(c.AdminEmails))
	for i, email := range c.AdminEmails {
		checkEmail(v.At("admin_emails", i), "", email)
		lower[i] = strings.ToLower(email)
	}
	checkUnique(lower, func(i int) *fault.Violations { return v.At("admin_emails", i) })
}
