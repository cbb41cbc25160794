package terms

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// PlanTerms returns the terms of the plans as they are now, with which they can
// be paid, in the order of the plans, which are well-formed names. A plan's own
// error is PLAN_NOT_FOUND, or TERMS_UNREADABLE where plansvc says what is not
// understood here. It fails where plansvc is out.
func (c *Client) PlanTerms(ctx context.Context, plans []string) ([]ledger.PlanTerms, error) {
	answers := make(map[string]ledger.PlanTerms, len(plans))
	if err := c.ask(ctx, plans, answers); err != nil {
		return nil, err
	}
	inOrder := make([]ledger.PlanTerms, len(plans))
	for i, plan := range plans {
		inOrder[i] = answers[plan]
	}
	return inOrder, nil
}

// A Recordable says whether earnings of a plan may be recorded, and by which terms.
type Recordable struct {
	Terms *payout.Terms // without limits; nil where Err is set
	// Err is why there are no terms: what PlanTerms says of a plan, or
	// PLANSVC_UNAVAILABLE.
	Err error
}

// Recording returns the terms to record earnings of plans by, in the order of
// the plans: well-formed names, in which one may come up again and again. Where
// plansvc is out, the plans that are remembered have terms all the same.
func (c *Client) Recording(ctx context.Context, plans []string) []Recordable {
	answers := make([]Recordable, len(plans))
	now := c.clock()
	var missing []int
	for i, plan := range plans {
		if m, ok := c.recording.Get(plan); ok && now.Before(m.until) {
			answers[i].Terms = m.terms
		} else {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return answers
	}
	asked := make(map[string]ledger.PlanTerms, len(missing))
	var names []string
	for _, i := range missing {
		if _, twice := asked[plans[i]]; !twice {
			asked[plans[i]] = ledger.PlanTerms{}
			names = append(names, plans[i])
		}
	}
	err := c.ask(ctx, names, asked)
	found := make(map[string]Recordable, len(names))
	for _, plan := range names {
		found[plan] = c.recordable(asked[plan], err)
		if terms := found[plan].Terms; terms != nil && terms.Submitted {
			c.recording.Add(terms.Plan, memory{terms: terms, until: now.Add(fresh)})
		}
	}
	for _, i := range missing {
		answers[i] = found[plans[i]]
	}
	return answers
}

// recordable is what an answer of plansvc is to recording. Outage is the error
// that the call for it ended with; what was answered before that stands.
func (c *Client) recordable(answer ledger.PlanTerms, outage error) Recordable {
	switch {
	case answer.Err != nil:
		return Recordable{Err: answer.Err}
	case answer.Terms.Plan == "":
		return Recordable{Err: outage}
	}
	terms := answer.Terms
	// Whoever pays by these pays nothing.
	terms.Approved, terms.Limits = false, nil
	return Recordable{Terms: &terms}
}

// ask puts into answers what plansvc says now of each of the plans.
func (c *Client) ask(ctx context.Context, plans []string, answers map[string]ledger.PlanTerms) error {
	for len(plans) > 0 {
		part := plans[:min(len(plans), callSize)]
		plans = plans[len(part):]
		response, err := call(ctx, func(ctx context.Context) (*planv1.BatchGetPlanTermsResponse, error) {
			return c.plansvc.BatchGetPlanTerms(ctx, &planv1.BatchGetPlanTermsRequest{Plans: part})
		})
		if err != nil {
			return err
		}
		for _, wire := range response.GetPlanTerms() {
			answers[wire.GetPlan()] = c.answer(wire)
		}
		for _, plan := range part {
			if answer := answers[plan]; answer.Terms.Plan == "" && answer.Err == nil {
				answer.Err = fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", plan).With("plan", plan)
				answers[plan] = answer
			}
		}
	}
	return nil
}
