package plan

import (
	"fmt"
	"time"

	"github.com/incentives-dev/incentives/internal/money"
)

// An Event is one entry of a plan's history: a change of its state or of a
// limit. Rule L12.
type Event struct {
	Number         int64       `json:"number"` // from 1, without a gap
	Time           time.Time   `json:"time"`
	Actor          string      `json:"actor"`
	Role           string      `json:"role,omitempty"` // by which the actor did it
	Action         Action      `json:"action"`
	From           State       `json:"from,omitempty"` // none on creation
	To             State       `json:"to"`
	Comment        string      `json:"comment,omitempty"`
	LimitChange    string      `json:"limit_change,omitempty"`   // the id, where it is about one
	Limit          money.Money `json:"limit"`                    // asked for, approved or rejected
	EffectiveMonth Month       `json:"effective_month,omitzero"` // none where the limit is not in force
}

// EventID is an event's number with leading zeros, so that ids sort by age.
func EventID(number int64) string { return fmt.Sprintf("%08d", number) }

// record appends an event to the plan's history, of a change from a state to
// the one that the plan is in now. Rule L12.
func (p *Plan) record(c Call, from State, about Event) Event {
	p.EventCount++
	about.Number, about.Time, about.Actor, about.Role = p.EventCount, c.stamp(), c.Actor.ID, c.Actor.Role
	about.From, about.To = from, p.State
	p.Pending.Events = append(p.Pending.Events, about)
	return about
}
