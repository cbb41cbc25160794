package plan

import (
	"slices"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A State is where a plan stands.
type State string

// The states of rule L3.
const (
	none           State = "" // there is no plan
	Editing        State = "EDITING"
	Submitted      State = "SUBMITTED"
	UnderReview    State = "UNDER_REVIEW"
	Approved       State = "APPROVED"
	ActionRequired State = "ACTION_REQUIRED"
	Rejected       State = "REJECTED"
)

// Known tells whether it is a state that a plan can be in.
func (s State) Known() bool {
	switch s {
	case Editing, Submitted, UnderReview, Approved, ActionRequired, Rejected:
		return true
	case none:
	}
	return false
}

// An Action is a call that changes a plan, by its name in the API.
type Action string

// The actions of rule L3.
const (
	CreatePlan    Action = "CreatePlan"
	SubmitPlan    Action = "SubmitPlan"
	StartReview   Action = "StartReview"
	ApprovePlan   Action = "ApprovePlan"
	RequestAction Action = "RequestAction"
	RejectPlan    Action = "RejectPlan"
	ReopenPlan    Action = "ReopenPlan"
)

// A side is who makes a move.
type side string

const (
	partner  side = "partner"
	reviewer side = "reviewer"
)

// A move takes a plan from one state to another.
type move struct {
	from    State
	action  Action
	to      State
	who     side
	comment bool // whether it needs one
}

// moves are all that there are. Rule L3.
func moves() []move {
	return []move{
		{none, CreatePlan, Editing, partner, false},
		{Editing, SubmitPlan, Submitted, partner, false},
		{Submitted, StartReview, UnderReview, reviewer, false},
		{UnderReview, ApprovePlan, Approved, reviewer, false},
		{UnderReview, RequestAction, ActionRequired, reviewer, true},
		{UnderReview, RejectPlan, Rejected, reviewer, true},
		{ActionRequired, ReopenPlan, Editing, partner, false}, // while the resubmission window is open
		{Rejected, ReopenPlan, Editing, partner, false},       // as well
	}
}

// move finds the move that an action is in the plan's state, and checks that
// the caller may make it: SELF_REVIEW, PLAN_STATE or ETAG_MISMATCH. Rule L3.
func (p *Plan) move(c Call, action Action) (move, error) {
	all := moves()
	ofAction := func(m move) bool { return m.action == action }
	if i := slices.IndexFunc(all, ofAction); all[i].who == reviewer {
		if err := p.checkReview(c.Actor, action); err != nil {
			return move{}, err
		}
	}
	i := slices.IndexFunc(all, func(m move) bool { return ofAction(m) && m.from == p.State })
	if i < 0 {
		return move{}, p.wrongState("PLAN_STATE", action)
	}
	return all[i], CheckEtag(c.Etag, p.Etag())
}

// advance takes the plan to the move's state, and tells its history. Rules L3, L12.
func (p *Plan) advance(c Call, m move, about Event) Event {
	about.Action, about.Comment = m.action, c.Comment
	p.touch(c.stamp())
	p.State = m.to
	return p.record(c, m.from, about)
}

// wrongState refuses an action that the plan's state does not admit.
func (p *Plan) wrongState(reason string, action Action) error {
	return fault.New(fault.State, reason, "%s is not possible: the plan is %s", action, p.State).
		With("state", string(p.State)).With("action", string(action))
}
