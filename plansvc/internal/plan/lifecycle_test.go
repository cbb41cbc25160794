package plan_test

import (
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// apply makes a move of rule L3 as its side would, with all that it needs.
func apply(t testing.TB, p *plan.Plan, program *plan.Program, action plan.Action) error {
	t.Helper()
	partner, reviewer := call(t, pia), call(t, rita)
	partner.Etag = p.Etag()
	reviewer.Comment = "seen"
	switch action {
	case plan.SubmitPlan:
		return p.Submit(partner, program)
	case plan.StartReview:
		return p.StartReview(reviewer)
	case plan.ApprovePlan:
		return p.Approve(reviewer, program, admins, money.Money{})
	case plan.RequestAction:
		return p.RequestAction(reviewer, admins)
	case plan.RejectPlan:
		return p.Reject(reviewer, admins)
	case plan.ReopenPlan:
		return p.Reopen(partner, program)
	default:
		t.Fatalf("no such move: %s", action)
		return nil
	}
}

// legal is the table of rule L3, less the creation.
var legal = map[plan.State]map[plan.Action]plan.State{
	plan.Editing:   {plan.SubmitPlan: plan.Submitted},
	plan.Submitted: {plan.StartReview: plan.UnderReview},
	plan.UnderReview: {
		plan.ApprovePlan:   plan.Approved,
		plan.RequestAction: plan.ActionRequired,
		plan.RejectPlan:    plan.Rejected,
	},
	plan.ActionRequired: {plan.ReopenPlan: plan.Editing},
	plan.Rejected:       {plan.ReopenPlan: plan.Editing},
	plan.Approved:       {},
}

func TestL3_EveryStateWithEveryAction(t *testing.T) {
	program := newProgram(t)
	for _, from := range states {
		for _, action := range []plan.Action{
			plan.SubmitPlan, plan.StartReview, plan.ApprovePlan, plan.RequestAction, plan.RejectPlan, plan.ReopenPlan,
		} {
			t.Run(string(from)+" "+string(action), func(t *testing.T) {
				p := newPlan(t, program, from)
				revision, events := p.Revision, p.EventCount
				if to, ok := legal[from][action]; ok {
					must(t, apply(t, p, program, action))
					if p.State != to {
						t.Errorf("the plan is %s, want %s", p.State, to)
					}
					if p.Revision != revision+1 || p.EventCount != events+1 || p.UpdateTime != at(t, aSummerDay) {
						t.Errorf("revision %d → %d, events %d → %d: want one more of each", revision, p.Revision, events, p.EventCount)
					}
					return
				}
				err := refusal(t, p, "PLAN_STATE", func() error { return apply(t, p, program, action) })
				if err.Kind != fault.State || err.Details["state"] != string(from) || err.Details["action"] != string(action) {
					t.Errorf("kind %v with %v, want a state error that names state and action", err.Kind, err.Details)
				}
				if !strings.Contains(err.Message, string(from)) || !strings.Contains(err.Message, string(action)) {
					t.Errorf("message %q, want one that names %s and %s", err.Message, from, action)
				}
			})
		}
	}
}

func TestL3_CreatedInEditing(t *testing.T) {
	p, err := plan.New(call(t, pia), name, newProgram(t), planContent())
	must(t, err)
	if p.State != plan.Editing || p.Name != name || p.Revision != 1 || p.CreateTime != at(t, aSummerDay) || p.UpdateTime != p.CreateTime {
		t.Errorf("a new plan is %+v, want %s in EDITING", p, name)
	}
}

func TestL3_TimesAndComments(t *testing.T) {
	program := newProgram(t)
	p := newDraft(t, program)
	step := func(action plan.Action, day string) {
		t.Helper()
		moment := at(t, day)
		partner, reviewer := plan.Call{Actor: pia, Now: moment, Etag: p.Etag()}, plan.Call{Actor: rita, Now: moment, Comment: "on " + day}
		var err error
		switch action {
		case plan.SubmitPlan:
			err = p.Submit(partner, program)
		case plan.StartReview:
			err = p.StartReview(reviewer)
		case plan.RejectPlan:
			err = p.Reject(reviewer, admins)
		case plan.ApprovePlan:
			err = p.Approve(reviewer, program, admins, usd(7))
		default:
			err = p.Reopen(partner, program)
		}
		must(t, err)
	}
	days := []string{"2025-08-01T00:00:00Z", "2025-08-02T00:00:00Z", "2025-08-03T00:00:00Z", "2025-08-04T00:00:00Z", "2025-08-05T00:00:00Z", "2025-08-06T00:00:00Z", "2025-08-07T00:00:00Z"}
	step(plan.SubmitPlan, days[0])
	if p.FirstSubmitTime != at(t, days[0]) || p.SubmitTime != at(t, days[0]) || !p.DecideTime.IsZero() {
		t.Errorf("after the first submission: first %v, last %v, decided %v", p.FirstSubmitTime, p.SubmitTime, p.DecideTime)
	}
	step(plan.StartReview, days[1])
	step(plan.RejectPlan, days[2])
	if p.DecideTime != at(t, days[2]) || p.DecisionComment != "on "+days[2] {
		t.Errorf("after the rejection: decided %v, %q", p.DecideTime, p.DecisionComment)
	}
	step(plan.ReopenPlan, days[3])
	step(plan.SubmitPlan, days[4])
	if p.FirstSubmitTime != at(t, days[0]) || p.SubmitTime != at(t, days[4]) || p.DecideTime != at(t, days[2]) {
		t.Errorf("after the second submission: first %v, last %v, decided %v", p.FirstSubmitTime, p.SubmitTime, p.DecideTime)
	}
	if len(p.Submitters) != 1 {
		t.Errorf("submitters %v, want pia once", p.Submitters)
	}
	step(plan.StartReview, days[5])
	step(plan.ApprovePlan, days[6])
	if p.DecideTime != at(t, days[6]) || p.DecisionComment != "on "+days[6] {
		t.Errorf("after the approval: decided %v, %q", p.DecideTime, p.DecisionComment)
	}
}

func TestL3_CommentRequired(t *testing.T) {
	program := newProgram(t)
	for _, blank := range []string{"", " \n\t"} {
		c := call(t, rita)
		c.Comment = blank
		p := newPlan(t, program, plan.UnderReview)
		violated(t, p, []string{"comment FIELD_REQUIRED"}, func() error { return p.RequestAction(c, admins) })
		violated(t, p, []string{"comment FIELD_REQUIRED"}, func() error { return p.Reject(c, admins) })
		must(t, p.Approve(c, program, admins, money.Money{}))
		must(t, newPlan(t, program, plan.Submitted).StartReview(c))
	}
}

func TestL3_CommentTooLong(t *testing.T) {
	program := newProgram(t)
	longest := strings.Repeat("ü", 2000)
	c := call(t, rita)
	waiting := newPlan(t, program, plan.Approved)
	must(t, waiting.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
	draft, submitted, reviewed := newDraft(t, program), newPlan(t, program, plan.Submitted), newPlan(t, program, plan.UnderReview)
	sentBack := newPlan(t, program, plan.ActionRequired)
	c.Comment = longest + "ü"
	for _, test := range []struct {
		name string
		p    *plan.Plan
		fn   func() error
	}{
		{"submit", draft, func() error {
			confirmed := c
			confirmed.Etag = draft.Etag()
			return draft.Submit(confirmed, program)
		}},
		{"start review", submitted, func() error { return submitted.StartReview(c) }},
		{"approve", reviewed, func() error { return reviewed.Approve(c, program, nil, money.Money{}) }},
		{"request action", reviewed, func() error { return reviewed.RequestAction(c, nil) }},
		{"reject", reviewed, func() error { return reviewed.Reject(c, nil) }},
		{"reopen", sentBack, func() error { return sentBack.Reopen(c, program) }},
		{"approve limit change", waiting, func() error { return waiting.ApproveLimitChange(c, program, "l1", nil) }},
		{"reject limit change", waiting, func() error { return waiting.RejectLimitChange(c, "l1", nil) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			violated(t, test.p, []string{"comment FIELD_TOO_LONG"}, test.fn)
		})
	}
	c.Comment = longest
	must(t, reviewed.Reject(c, nil))
}

// docs/rules.md §5: nobody reviews a plan that they submitted.
func TestNobodyReviewsWhatTheySubmitted(t *testing.T) {
	program := newProgram(t)
	own := call(t, pia)
	own.Comment = "fine"
	submitted, reviewed := newPlan(t, program, plan.Submitted), newPlan(t, program, plan.UnderReview)
	for _, test := range []struct {
		name string
		p    *plan.Plan
		fn   func(c plan.Call) error
	}{
		{"start review", submitted, func(c plan.Call) error { return submitted.StartReview(c) }},
		{"approve", reviewed, func(c plan.Call) error { return reviewed.Approve(c, program, admins, money.Money{}) }},
		{"request action", reviewed, func(c plan.Call) error { return reviewed.RequestAction(c, admins) }},
		{"reject", reviewed, func(c plan.Call) error { return reviewed.Reject(c, admins) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := refusal(t, test.p, "SELF_REVIEW", func() error { return test.fn(own) }); err.Kind != fault.Denied {
				t.Errorf("kind %v, want Denied", err.Kind)
			}
		})
	}
	t.Run("an earlier submitter", func(t *testing.T) {
		p := reopened(t, program)
		must(t, p.Submit(plan.Call{Actor: plan.Actor{ID: "paul"}, Now: own.Now, Etag: p.Etag()}, program))
		refused(t, p, "SELF_REVIEW", func() error { return p.StartReview(own) })
		refused(t, p, "SELF_REVIEW", func() error { return p.StartReview(plan.Call{Actor: plan.Actor{ID: "paul"}, Now: own.Now}) })
		must(t, p.StartReview(call(t, rita)))
	})
	t.Run("the local principal is both sides", func(t *testing.T) {
		p := newDraft(t, program)
		must(t, p.Submit(plan.Call{Actor: local, Now: own.Now, Etag: p.Etag()}, program))
		must(t, p.StartReview(call(t, local)))
		must(t, p.Approve(call(t, local), program, admins, money.Money{}))
		must(t, p.RequestLimitChange(call(t, local), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
		must(t, p.ApproveLimitChange(call(t, local), program, "l1", admins))
	})
}
