package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestTermsIn(t *testing.T) {
	program := newProgram(t, func(c *plan.ProgramContent) { c.LateEarningDays = new(30) })
	p := newPlan(t, program, plan.Approved)
	got, err := p.Standing().TermsIn(program)
	must(t, err)
	want := plan.Terms{
		Plan: name, State: plan.Approved, CurrencyCode: "USD", TimeZone: losAngeles,
		StartDate: date(t, "2025-07-01"), EndDate: date(t, "2026-06-30"), LateEarningDays: 30, FirstSubmitTime: at(t, aSummerDay),
		Limits: []plan.Limit{{EffectiveMonth: month(t, "2025-07"), Amount: usd(10000)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	draft, err := newDraft(t, program).Standing().TermsIn(program)
	must(t, err)
	if !draft.FirstSubmitTime.IsZero() || len(draft.Limits) != 0 || draft.State != plan.Editing {
		t.Errorf("terms of a draft: %+v, want neither a submission nor limits", draft)
	}
}
