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

// notify adds the notification of a decision. It is written in one step with
// the change, so that no crash comes between them, and also where nobody is to be
// told, so that it shows that nobody was. Rule L13.
func (p *Plan) notify(event Event, admins []string) {
	p.Pending.Notifications = append(p.Pending.Notifications, Notification{
		Kind: kindOf(event.Action), Plan: p.Name, DisplayName: p.DisplayName, Event: event,
		Recipients: append([]string{}, admins...),
	})
}

func kindOf(decision Action) NotificationKind {
	kinds := map[Action]NotificationKind{
		ApprovePlan:        NotifyApproved,
		RequestAction:      NotifyActionRequired,
		RejectPlan:         NotifyRejected,
		ApproveLimitChange: NotifyLimitChangeApproved,
		RejectLimitChange:  NotifyLimitChangeRejected,
	}
	return kinds[decision]
}
