package plan

import (
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// A Plan is what a partner wants to do with a program's money in one program
// year. It is one whole: what belongs to it changes with it.
type Plan struct {
	Name Name `json:"name"`
	Content
	State           State         `json:"state"`
	Limits          []Limit       `json:"limits,omitempty"` // by effective month, each once
	LimitChanges    []LimitChange `json:"limit_changes,omitempty"`
	Campaigns       []Campaign    `json:"campaigns,omitempty"`  // oldest first
	Submitters      []string      `json:"submitters,omitempty"` // who submitted it, each once
	EventCount      int64         `json:"event_count"`          // how many events its history has (rule L12)
	Revision        int64         `json:"revision"`             // grows with every change
	CreateTime      time.Time     `json:"create_time"`
	UpdateTime      time.Time     `json:"update_time"`
	FirstSubmitTime time.Time     `json:"first_submit_time,omitzero"`
	SubmitTime      time.Time     `json:"submit_time,omitzero"`
	DecideTime      time.Time     `json:"decide_time,omitzero"`
	DecisionComment string        `json:"decision_comment,omitempty"`
	// Pending is what the changes since the plan was read add beside it. Whoever
	// stores the plan stores this in the same atomic write.
	Pending Pending `json:"-"`
}

// Content is what the partner says of a plan, less its campaigns. Only
// DisplayName is there in every draft. A RequestedLimit that was not given is the
// zero Money, which is another than nothing of a currency: omitzero would lose
// the difference.
type Content struct {
	DisplayName    string      `json:"display_name"`
	Description    string      `json:"description,omitempty"`
	Market         string      `json:"market,omitempty"`
	CurrencyCode   string      `json:"currency_code,omitempty"`
	ReviewerEmail  string      `json:"reviewer_email,omitempty"`
	RequestedLimit money.Money `json:"requested_limit"`
}

// Pending is what a change adds beside the plan.
type Pending struct {
	Events        []Event
	Notifications []Notification
}

// A Campaign is a part of a plan: activities with one objective.
type Campaign struct {
	ID string `json:"id"`
	CampaignContent
	Activities []Activity `json:"activities,omitempty"` // oldest first
	Revision   int64      `json:"revision"`             // the plan's at the last change of it or an activity
	CreateTime time.Time  `json:"create_time"`
	UpdateTime time.Time  `json:"update_time"`
}

// CampaignContent is what the partner says of a campaign, less its activities.
type CampaignContent struct {
	DisplayName string `json:"display_name"`
	Objective   string `json:"objective,omitempty"`
	StartDate   Date   `json:"start_date,omitzero"`
	EndDate     Date   `json:"end_date,omitzero"`
}

// An Activity is one thing that a partner does in a campaign.
type Activity struct {
	ID string `json:"id"`
	ActivityContent
	Revision   int64     `json:"revision"` // the plan's at the last change of it
	CreateTime time.Time `json:"create_time"`
	UpdateTime time.Time `json:"update_time"`
}

// ActivityContent is what the partner says of an activity.
type ActivityContent struct {
	DisplayName  string      `json:"display_name"`
	ActivityType string      `json:"activity_type,omitempty"`
	RegionCodes  []string    `json:"region_codes,omitempty"`
	StartDate    Date        `json:"start_date,omitzero"`
	EndDate      Date        `json:"end_date,omitzero"`
	PlannedCost  money.Money `json:"planned_cost"`
	Description  string      `json:"description,omitempty"`
}

// New makes a plan in state EDITING, in the program that its name says.
// PROGRAM_HAS_NO_PLANS by rule P2; CREATION_DEADLINE_PASSED by rule L5; INVALID lists
// all that is wrong with the request, below "plan", each field by itself (rule L7).
// That the partner is enrolled (rule L2) and the name is free (rule L1) is for
// the caller to see to: neither is told by the plan.
func New(c Call, name Name, program *Program, content Content) (*Plan, error) {
	if err := program.checkTakesPlans(); err != nil {
		return nil, err
	}
	var v fault.Violations
	in := v.In("plan")
	if !program.hasFundType(name.FundType) {
		in.Add("fund_type", "FUND_TYPE_UNKNOWN", "%s has no fund type %q", program.Name(), name.FundType)
	}
	if year, ok := program.Year(name.ProgramYear); !ok {
		in.Add("program_year", "PROGRAM_YEAR_UNKNOWN", "%s has no program year %q", program.Name(), name.ProgramYear)
	} else if err := program.checkCreation(c.Now, year); err != nil {
		return nil, err
	}
	content.check(in)
	if err := c.refuse(&v); err != nil {
		return nil, err
	}
	p := &Plan{Name: name, Content: content, CreateTime: c.stamp()}
	m, err := p.move(Call{Actor: c.Actor}, CreatePlan)
	if err != nil {
		return nil, err
	}
	p.advance(Call{Actor: c.Actor, Now: c.Now}, m, Event{})
	return p, nil
}

// touch counts a change of the plan, or of what belongs to it. Rule L8.
func (p *Plan) touch(now time.Time) {
	p.Revision++
	p.UpdateTime = now
}
