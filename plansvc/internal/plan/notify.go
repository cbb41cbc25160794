package plan

// A Notification tells a partner's incentives admins of a decision. Rule L13.
type Notification struct {
	Kind        NotificationKind `json:"kind"`
	Plan        Name             `json:"plan"`
	DisplayName string           `json:"display_name"` // the plan's
	Event       Event            `json:"event"`
	Recipients  []string         `json:"recipients"` // e-mail addresses; can be none
}

// A NotificationKind says what is told.
type NotificationKind string

// The kinds of rule L13.
const (
	NotifyApproved            NotificationKind = "PLAN_APPROVED"
	NotifyActionRequired      NotificationKind = "ACTION_REQUIRED"
	NotifyRejected            NotificationKind = "PLAN_REJECTED"
	NotifyLimitChangeApproved NotificationKind = "LIMIT_CHANGE_APPROVED"
	NotifyLimitChangeRejected NotificationKind = "LIMIT_CHANGE_REJECTED"
)
