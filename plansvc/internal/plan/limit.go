package plan

import (
	"time"

	"github.com/incentives-dev/incentives/internal/money"
)

// A Limit is the most that is paid for each earned month from one month on,
// until the next Limit. Rules C2, L10, L11.
type Limit struct {
	EffectiveMonth Month       `json:"effective_month"`
	Amount         money.Money `json:"amount"`
}

// A LimitChange asks for another monthly limit of an approved plan. Rule L11.
type LimitChange struct {
	ID              string           `json:"id"`
	NewLimit        money.Money      `json:"new_limit"`
	Reason          string           `json:"reason,omitempty"`
	State           LimitChangeState `json:"state"`
	EffectiveMonth  Month            `json:"effective_month,omitzero"` // none before the approval
	DecisionComment string           `json:"decision_comment,omitempty"`
	Requester       string           `json:"requester"` // who asked
	Revision        int64            `json:"revision"`  // the plan's at the last change of it
	CreateTime      time.Time        `json:"create_time"`
	DecideTime      time.Time        `json:"decide_time,omitzero"`
}

// A LimitChangeState is where a limit change stands.
type LimitChangeState string

// The states of a limit change.
const (
	ChangePending  LimitChangeState = "PENDING"
	ChangeApproved LimitChangeState = "APPROVED"
	ChangeRejected LimitChangeState = "REJECTED"
)

// LimitChangeContent is what the partner asks for.
type LimitChangeContent struct {
	NewLimit money.Money
	Reason   string
}
