package terms

import (
	"context"
	"slices"
	"unique"

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
	answers, err := c.ask(ctx, plans)
	if err != nil {
		return nil, err
	}
	return answers, nil
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
		// Not Get, which puts it in front: it is put there again each time that it is asked for.
		if m, ok := c.recording.Peek(plan); ok && now.Before(m.until) {
			answers[i].Terms = m.terms
		} else {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return answers
	}
	found := make(map[string]Recordable, len(missing))
	var names []string
	for _, i := range missing {
		if _, twice := found[plans[i]]; !twice {
			found[plans[i]] = Recordable{}
			names = append(names, plans[i])
		}
	}
	asked, err := c.ask(ctx, names)
	for i, plan := range names {
		if i >= len(asked) {
			found[plan] = Recordable{Err: err}
			continue
		}
		found[plan] = recordable(asked[i])
		if terms := found[plan].Terms; terms != nil && terms.Submitted {
			c.recording.Add(terms.Plan, memory{terms: terms, until: now.Add(fresh)})
		}
	}
	for _, i := range missing {
		answers[i] = found[plans[i]]
	}
	return answers
}

// recordable is what an answer of plansvc is to recording.
func recordable(answer ledger.PlanTerms) Recordable {
	if answer.Err != nil {
		return Recordable{Err: answer.Err}
	}
	terms := answer.Terms
	// Whoever pays by these pays nothing.
	terms.Approved, terms.Limits = false, nil
	// Of these there are few. What many plans share is at hand.
	terms.Program, terms.Currency, terms.Windows = unique.Make(terms.Program).Value(), unique.Make(terms.Currency).Value(), unique.Make(terms.Windows).Value()
	return Recordable{Terms: &terms}
}

// ask returns what plansvc says now of each of the plans, in their order; where it fails, what was answered before that.
func (c *Client) ask(ctx context.Context, plans []string) ([]ledger.PlanTerms, error) {
	answers := make([]ledger.PlanTerms, 0, len(plans))
	for part := range slices.Chunk(plans, callSize) {
		response, err := call(ctx, func(ctx context.Context) (*planv1.BatchGetPlanTermsResponse, error) {
			return c.plansvc.BatchGetPlanTerms(ctx, &planv1.BatchGetPlanTermsRequest{Plans: part})
		})
		if err != nil {
			return answers, err
		}
		wires := response.GetPlanTerms() // in the order of the request, without those that do not exist
		for _, plan := range part {
			if len(wires) > 0 && wires[0].GetPlan() == plan {
				answers = append(answers, c.answer(wires[0]))
				wires = wires[1:]
			} else {
				answers = append(answers, ledger.PlanTerms{Err: fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", plan).With("plan", plan)})
			}
		}
		if len(wires) > 0 {
			err := fault.New(fault.Unavailable, "PLANSVC_UNAVAILABLE", "plansvc answers about %s, which was not asked for there", wires[0].GetPlan())
			return answers[:len(answers)-len(part)], err
		}
	}
	return answers, nil
}
