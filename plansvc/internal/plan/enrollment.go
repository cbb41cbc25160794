package plan

import "time"

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
