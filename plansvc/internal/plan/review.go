package plan

import (
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// StartReview takes the plan up for review: SELF_REVIEW, PLAN_STATE (rule L3), ETAG_MISMATCH (rule L8).
func (p *Plan) StartReview(c Call) error {
	m, err := p.move(c, StartReview)
	if err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, m.action)
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.advance(c, m, Event{})
	return nil
}

// Approve lets the plan be paid, up to a monthly limit: the requested one where
// limit is the zero Money. SELF_REVIEW, PLAN_STATE (rule L3), ETAG_MISMATCH (rule
// L8); INVALID for a limit that is none, at "approved_limit" (rule L10). Admins are the
// e-mail addresses of those who are notified (rule L13).
//
// There is no deadline: a reviewer may decide after the resubmission window (rule L6).
func (p *Plan) Approve(c Call, program *Program, admins []string, limit money.Money) error {
	m, err := p.move(c, ApprovePlan)
	if err != nil {
		return err
	}
	year, err := program.yearOf(p.Name)
	if err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, m.action)
	approved := p.approvedLimit(&v, limit, year)
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.setLimit(approved)
	p.decide(c, m, approved, admins)
	return nil
}

// RequestAction sends the plan back to the partner, with a comment:
// SELF_REVIEW, PLAN_STATE (rule L3), ETAG_MISMATCH (rule L8); INVALID without a
// comment. Admins are the e-mail addresses of those who are notified (rule L13).
func (p *Plan) RequestAction(c Call, admins []string) error {
	return p.turnDown(c, RequestAction, admins)
}

// Reject turns the plan down, with a comment: SELF_REVIEW, PLAN_STATE (rule
// L3), ETAG_MISMATCH (rule L8); INVALID without a comment. Admins are the e-mail
// addresses of those who are notified (rule L13).
func (p *Plan) Reject(c Call, admins []string) error {
	return p.turnDown(c, RejectPlan, admins)
}

func (p *Plan) turnDown(c Call, action Action, admins []string) error {
	m, err := p.move(c, action)
	if err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, m.action)
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.decide(c, m, Limit{}, admins)
	return nil
}

// decide makes a move that is a reviewer's decision, on a limit where there is one.
func (p *Plan) decide(c Call, m move, limit Limit, admins []string) {
	p.DecideTime, p.DecisionComment = c.stamp(), c.Comment
	p.notify(p.advance(c, m, Event{Limit: limit.Amount, EffectiveMonth: limit.EffectiveMonth}), admins)
}
