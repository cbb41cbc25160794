package plan

import (
	"slices"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// maxLimitChanges is how many limit changes one plan has in its life: room for
// a year's twelve months many times over, so that reading the plan stays cheap.
const maxLimitChanges = 100

// The actions of rule L11.
const (
	CreateLimitChange  Action = "CreateLimitChange"
	ApproveLimitChange Action = "ApproveLimitChange"
	RejectLimitChange  Action = "RejectLimitChange"
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

// LimitAt returns the limit that is in force for an earned month, and whether
// there is one.
func (p *Plan) LimitAt(month Month) (money.Money, bool) {
	for _, limit := range slices.Backward(p.Limits) {
		if !limit.EffectiveMonth.After(month) {
			return limit.Amount, true
		}
	}
	return money.Money{}, false
}

// LimitChange returns the limit change with an id, to be read;
// LIMIT_CHANGE_NOT_FOUND where there is none.
func (p *Plan) LimitChange(id string) (*LimitChange, error) {
	i := slices.IndexFunc(p.LimitChanges, func(l LimitChange) bool { return l.ID == id })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "LIMIT_CHANGE_NOT_FOUND", "%s does not exist", p.Name.LimitChange(id))
	}
	return &p.LimitChanges[i], nil
}

// PendingLimitChange returns the limit change that waits for a decision, and
// whether there is one. There are never two. Rule L11.
func (p *Plan) PendingLimitChange() (*LimitChange, bool) {
	i := slices.IndexFunc(p.LimitChanges, func(l LimitChange) bool { return l.State == ChangePending })
	if i < 0 {
		return nil, false
	}
	return &p.LimitChanges[i], true
}

// RequestLimitChange asks for another monthly limit of an approved plan.
// PLAN_STATE; LIMIT_CHANGE_PENDING; NO_MONTH_LEFT; INVALID lists all that is wrong
// with the request, below "limit_change" and "limit_change_id", a limit that is
// the last approved one among it; LIMIT_CHANGE_EXISTS; TOO_MANY above 100. Rule L11.
func (p *Plan) RequestLimitChange(c Call, program *Program, id string, content LimitChangeContent) error {
	if p.State != Approved {
		return p.wrongState("PLAN_STATE", CreateLimitChange)
	}
	if pending, ok := p.PendingLimitChange(); ok {
		return fault.New(fault.State, "LIMIT_CHANGE_PENDING", "%s waits for a decision, and there can be one only", p.Name.LimitChange(pending.ID)).
			With("limit_change", pending.ID)
	}
	if _, err := p.nextLimitMonth(program, c.Now); err != nil {
		return err
	}
	var v fault.Violations
	CheckID(&v, "limit_change_id", id)
	content.checkFor(v.In("limit_change"), p)
	if err := c.refuse(&v); err != nil {
		return err
	}
	if _, err := p.LimitChange(id); err == nil {
		return fault.New(fault.Exists, "LIMIT_CHANGE_EXISTS", "%s exists", p.Name.LimitChange(id))
	}
	if len(p.LimitChanges) >= maxLimitChanges {
		return fault.New(fault.Limit, "TOO_MANY", "a plan has at most %d limit changes", maxLimitChanges)
	}
	p.touch(c.stamp())
	p.LimitChanges = append(slices.Clip(p.LimitChanges), LimitChange{
		ID: id, NewLimit: content.NewLimit, Reason: content.Reason, State: ChangePending,
		Requester: c.Actor.ID, Revision: p.Revision, CreateTime: p.UpdateTime,
	})
	p.record(c, p.State, Event{Action: CreateLimitChange, Comment: content.Reason, LimitChange: id, Limit: content.NewLimit})
	return nil
}

// ApproveLimitChange puts a pending limit change in force, from the month after
// on. LIMIT_CHANGE_NOT_FOUND; SELF_REVIEW; LIMIT_CHANGE_NOT_PENDING; ETAG_MISMATCH
// (rule L8), by the limit change's etag; NO_MONTH_LEFT; INVALID for the comment. Admins
// are the e-mail addresses of those who are notified (rule L13). Rule L11.
func (p *Plan) ApproveLimitChange(c Call, program *Program, id string, admins []string) error {
	change, err := p.decidable(c, id, ApproveLimitChange)
	if err != nil {
		return err
	}
	month, err := p.nextLimitMonth(program, c.Now)
	if err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, ApproveLimitChange)
	if err := c.refuse(&v); err != nil {
		return err
	}
	change.State, change.EffectiveMonth = ChangeApproved, month
	p.setLimit(Limit{EffectiveMonth: month, Amount: change.NewLimit})
	p.decideChange(c, ApproveLimitChange, change, admins)
	return nil
}

// RejectLimitChange leaves the limit as it is. LIMIT_CHANGE_NOT_FOUND;
// SELF_REVIEW; LIMIT_CHANGE_NOT_PENDING; ETAG_MISMATCH (rule L8), by the limit
// change's etag; INVALID for the comment. Admins are the e-mail addresses of those who
// are notified (rule L13). Rule L11.
func (p *Plan) RejectLimitChange(c Call, id string, admins []string) error {
	change, err := p.decidable(c, id, RejectLimitChange)
	if err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, RejectLimitChange)
	if err := c.refuse(&v); err != nil {
		return err
	}
	change.State = ChangeRejected
	p.decideChange(c, RejectLimitChange, change, admins)
	return nil
}

// approvedLimit is what a plan is approved with, from the program year's first
// month on: the limit that the reviewer gives, else the requested one. Rule L10.
func (p *Plan) approvedLimit(v *fault.Violations, given money.Money, year ProgramYear) Limit {
	limit := Limit{EffectiveMonth: year.StartDate.MonthOf(), Amount: p.RequestedLimit}
	if !isMissing(given) {
		p.checkLimit(v, "approved_limit", given)
		limit.Amount = given
	}
	return limit
}

// setLimit puts a limit in force from its month on, in place of what was to
// apply from then on.
func (p *Plan) setLimit(limit Limit) {
	p.Limits = append(without(p.Limits, func(l *Limit) bool { return !l.EffectiveMonth.Before(limit.EffectiveMonth) }), limit)
}

// nextLimitMonth is the month that a limit change which is approved now takes
// effect in: the one after now in the program's time zone, since a month that has
// begun keeps its limit, and not before the program year. NO_MONTH_LEFT where
// the year has no such month. Rule L11.
func (p *Plan) nextLimitMonth(program *Program, now time.Time) (Month, error) {
	year, err := program.yearOf(p.Name)
	if err != nil {
		return Month{}, err
	}
	today, err := program.today(now)
	if err != nil {
		return Month{}, err
	}
	month := today.MonthOf().Next()
	if first := year.StartDate.MonthOf(); month.Before(first) {
		month = first
	}
	if last := year.EndDate.MonthOf(); month.After(last) {
		return Month{}, fault.New(fault.State, "NO_MONTH_LEFT",
			"a limit approved now takes effect in %s, and the last month of the program year is %s", month, last).
			With("last_month", last.String())
	}
	return month, nil
}

// check records what is wrong with a limit change by itself, for whichever plan.
func (l LimitChangeContent) check(v *fault.Violations) { l.checkFor(v, &Plan{}) }

// checkFor records what is wrong with a limit change that is asked for.
func (l LimitChangeContent) checkFor(v *fault.Violations, p *Plan) {
	p.checkLimit(v, "new_limit", l.NewLimit)
	if n := len(p.Limits); n > 0 && l.NewLimit.Equal(p.Limits[n-1].Amount) {
		v.Add("new_limit", "LIMIT_UNCHANGED", "is %s already, from %s on", p.Limits[n-1].Amount, p.Limits[n-1].EffectiveMonth)
	}
	checkLength(v, "reason", l.Reason, maxLimitChangeReason)
}

// decidable finds the limit change that an action decides, and checks that it
// can: neither by who asked for it, nor by who submitted the plan.
func (p *Plan) decidable(c Call, id string, action Action) (*LimitChange, error) {
	change, err := p.LimitChange(id)
	if err != nil {
		return nil, err
	}
	if !c.Actor.Local && c.Actor.ID == change.Requester {
		return nil, selfReview(c.Actor, action)
	}
	if err := p.checkReview(c.Actor, action); err != nil {
		return nil, err
	}
	if change.State != ChangePending {
		return nil, fault.New(fault.State, "LIMIT_CHANGE_NOT_PENDING", "%s is not possible: the limit change is %s", action, change.State).
			With("state", string(change.State)).With("action", string(action))
	}
	return change, CheckEtag(c.Etag, change.Etag())
}

// decideChange closes a limit change, and tells of it. Rules L12, L13.
func (p *Plan) decideChange(c Call, action Action, change *LimitChange, admins []string) {
	p.touch(c.stamp())
	change.DecideTime, change.DecisionComment, change.Revision = p.UpdateTime, c.Comment, p.Revision
	p.notify(p.record(c, p.State, Event{
		Action: action, Comment: c.Comment, LimitChange: change.ID,
		Limit: change.NewLimit, EffectiveMonth: change.EffectiveMonth,
	}), admins)
}
