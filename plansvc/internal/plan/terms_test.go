package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestTermsIn(t *testing.T) {
	program := newProgram(t, func(c *plan.ProgramContent) { c.LateEarningDays = new(30) })
	p := newPlan(t, program, plan.Approved)
	got, err := p.Standing().TermsIn(program, at(t, aSummerDay))
	must(t, err)
	want := plan.Terms{
		Plan: name, State: plan.Approved, CurrencyCode: "USD", TimeZone: losAngeles,
		StartDate: date(t, "2025-07-01"), EndDate: date(t, "2026-06-30"), LateEarningDays: 30, ResubmissionDays: 90, FirstSubmitTime: at(t, aSummerDay),
		Limits: []plan.Limit{{EffectiveMonth: month(t, "2025-07"), Amount: usd(10000)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	draft, err := newDraft(t, program).Standing().TermsIn(program, at(t, aSummerDay))
	must(t, err)
	if !draft.FirstSubmitTime.IsZero() || len(draft.Limits) != 0 || draft.State != plan.Editing {
		t.Errorf("terms of a draft: %+v, want neither a submission nor limits", draft)
	}
}

// A plan lapses a day after its last day to be submitted, if the partner has it:
// the fixture's year ends on 2026-06-30, and its resubmission window on 2026-09-28.
func TestL5_L6_Lapsed(t *testing.T) {
	program := newProgram(t)
	longer := newProgram(t, func(c *plan.ProgramContent) { c.ResubmissionDays = new(120) })
	for _, test := range []struct {
		state  plan.State
		in     *plan.Program
		now    string
		lapsed bool
	}{
		{plan.Rejected, program, "2026-09-30T06:59:59Z", false}, // still the 29th in Los Angeles
		{plan.Rejected, program, "2026-09-30T07:00:00Z", true},
		{plan.Rejected, longer, "2026-09-30T07:00:00Z", false},
		{plan.Rejected, longer, "2026-10-30T07:00:00Z", true},
		{plan.ActionRequired, program, "2026-09-30T07:00:00Z", true},
		{plan.Submitted, program, "2030-01-01T00:00:00Z", false}, // it may be decided later than that
		{plan.UnderReview, program, "2030-01-01T00:00:00Z", false},
		{plan.Approved, program, "2030-01-01T00:00:00Z", false},
		{plan.Editing, program, "2026-07-02T06:59:59Z", false}, // was never submitted
		{plan.Editing, program, "2026-07-02T07:00:00Z", true},
	} {
		terms, err := newPlan(t, program, test.state).Standing().TermsIn(test.in, at(t, test.now))
		if err != nil || terms.Lapsed != test.lapsed {
			t.Errorf("%s at %s: lapsed %t, %v; want %t", test.state, test.now, terms.Lapsed, err, test.lapsed)
		}
	}
	reopened := newPlan(t, program, plan.Rejected)
	must(t, reopened.Reopen(call(t, pia), program))
	for now, want := range map[string]bool{"2026-09-30T06:59:59Z": false, "2026-09-30T07:00:00Z": true} {
		if terms, err := reopened.Standing().TermsIn(program, at(t, now)); err != nil || terms.Lapsed != want {
			t.Errorf("reopened, at %s: lapsed %t, %v; want %t", now, terms.Lapsed, err, want)
		}
	}
}
