package plan

import (
	"time"

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

// Content is what the partner says of a plan, less its campaigns.
type Content struct {
	DisplayName    string      `json:"display_name"`
	Description    string      `json:"description,omitempty"`
	Market         string      `json:"market,omitempty"`
	CurrencyCode   string      `json:"currency_code,omitempty"`
	ReviewerEmail  string      `json:"reviewer_email,omitempty"`
	RequestedLimit money.Money `json:"requested_limit,omitzero"`
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
	PlannedCost  money.Money `json:"planned_cost,omitzero"`
	Description  string      `json:"description,omitempty"`
}
