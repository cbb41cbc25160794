package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestL12_HistoryOfAPlan(t *testing.T) {
	program := newProgram(t)
	p := newDraft(t, program)
	submit, review := call(t, pia), call(t, rita)
	submit.Comment = "not a field of the request, but what the caller gives is kept"
	submit.Etag = p.Etag()
	must(t, p.Submit(submit, program))
	must(t, p.StartReview(review))
	review.Comment = "more regions"
	must(t, p.RequestAction(review, admins))
	submit.Etag, submit.Comment = "", "on it"
	must(t, p.Reopen(submit, program))
	submit.Etag, submit.Comment = p.Etag(), ""
	must(t, p.Submit(submit, program))
	review.Comment = ""
	must(t, p.StartReview(review))
	review.Comment = "good"
	must(t, p.Approve(review, program, admins, usd(9000)))
	must(t, p.RequestLimitChange(submit, program, "l1", plan.LimitChangeContent{NewLimit: usd(12000), Reason: "demand"}))
	must(t, p.RejectLimitChange(review, "l1", admins))
	must(t, p.RequestLimitChange(submit, program, "l2", plan.LimitChangeContent{NewLimit: usd(11000)}))
	must(t, p.ApproveLimitChange(review, program, "l2", admins))

	now, created := at(t, aSummerDay), at(t, "2025-07-01T12:00:00Z")
	want := []plan.Event{
		{Number: 1, Time: created, Actor: "pia", Action: plan.CreatePlan, To: plan.Editing},
		{Number: 2, Time: now, Actor: "pia", Action: plan.SubmitPlan, From: plan.Editing, To: plan.Submitted, Comment: "not a field of the request, but what the caller gives is kept"},
		{Number: 3, Time: now, Actor: "rita", Action: plan.StartReview, From: plan.Submitted, To: plan.UnderReview},
		{Number: 4, Time: now, Actor: "rita", Action: plan.RequestAction, From: plan.UnderReview, To: plan.ActionRequired, Comment: "more regions"},
		{Number: 5, Time: now, Actor: "pia", Action: plan.ReopenPlan, From: plan.ActionRequired, To: plan.Editing, Comment: "on it"},
		{Number: 6, Time: now, Actor: "pia", Action: plan.SubmitPlan, From: plan.Editing, To: plan.Submitted},
		{Number: 7, Time: now, Actor: "rita", Action: plan.StartReview, From: plan.Submitted, To: plan.UnderReview},
		{
			Number: 8, Time: now, Actor: "rita", Action: plan.ApprovePlan, From: plan.UnderReview, To: plan.Approved, Comment: "good",
			Limit: usd(9000), EffectiveMonth: month(t, "2025-07"),
		},
		{
			Number: 9, Time: now, Actor: "pia", Action: plan.CreateLimitChange, From: plan.Approved, To: plan.Approved, Comment: "demand",
			LimitChange: "l1", Limit: usd(12000),
		},
		{
			Number: 10, Time: now, Actor: "rita", Action: plan.RejectLimitChange, From: plan.Approved, To: plan.Approved, Comment: "good",
			LimitChange: "l1", Limit: usd(12000),
		},
		{
			Number: 11, Time: now, Actor: "pia", Action: plan.CreateLimitChange, From: plan.Approved, To: plan.Approved,
			LimitChange: "l2", Limit: usd(11000),
		},
		{
			Number: 12, Time: now, Actor: "rita", Action: plan.ApproveLimitChange, From: plan.Approved, To: plan.Approved, Comment: "good",
			LimitChange: "l2", Limit: usd(11000), EffectiveMonth: month(t, "2025-09"),
		},
	}
	if diff := cmp.Diff(want, p.Pending.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if p.EventCount != int64(len(want)) {
		t.Errorf("the plan counts %d events, want %d", p.EventCount, len(want))
	}
}

// Numbers go on where the stored plan's end, whatever was stored before.
func TestL12_NumbersGoOn(t *testing.T) {
	p := newPlan(t, newProgram(t), plan.Submitted)
	p.Pending = plan.Pending{} // stored
	must(t, p.StartReview(call(t, rita)))
	if got := lastEvent(t, p).Number; got != 3 || len(p.Pending.Events) != 1 {
		t.Errorf("the next of %d events has the number %d, want one event with 3", len(p.Pending.Events), got)
	}
}

func TestL12_DraftsAreWrittenWithoutHistory(t *testing.T) {
	p := newDraft(t, newProgram(t))
	for action, edit := range edits(t, p) {
		count := p.EventCount
		if err := edit(call(t, pia)); err == nil && p.EventCount != count {
			t.Errorf("%s appended an event, want none: it changes no state", action)
		}
	}
}

func TestL12_EventIDsSortByAge(t *testing.T) {
	for _, pair := range [][2]int64{{1, 2}, {9, 10}, {99, 100}, {99999, 100000}} {
		if earlier, later := plan.EventID(pair[0]), plan.EventID(pair[1]); earlier >= later {
			t.Errorf("event %d has id %s, which sorts after %s of event %d", pair[0], earlier, later, pair[1])
		}
	}
}

func TestL13_DecisionsNotifyTheAdmins(t *testing.T) {
	program := newProgram(t)
	decide := func(c plan.Call) plan.Call { c.Comment = "seen"; return c }
	waiting := func() *plan.Plan {
		p := newPlan(t, program, plan.Approved)
		must(t, p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
		return p
	}
	for _, test := range []struct {
		kind plan.NotificationKind
		p    *plan.Plan
		fn   func(p *plan.Plan, admins []string) error
	}{
		{plan.NotifyApproved, newPlan(t, program, plan.UnderReview), func(p *plan.Plan, to []string) error {
			return p.Approve(decide(call(t, rita)), program, to, money.Money{})
		}},
		{plan.NotifyActionRequired, newPlan(t, program, plan.UnderReview), func(p *plan.Plan, to []string) error { return p.RequestAction(decide(call(t, rita)), to) }},
		{plan.NotifyRejected, newPlan(t, program, plan.UnderReview), func(p *plan.Plan, to []string) error { return p.Reject(decide(call(t, rita)), to) }},
		{plan.NotifyLimitChangeApproved, waiting(), func(p *plan.Plan, to []string) error {
			return p.ApproveLimitChange(decide(call(t, rita)), program, "l1", to)
		}},
		{plan.NotifyLimitChangeRejected, waiting(), func(p *plan.Plan, to []string) error { return p.RejectLimitChange(decide(call(t, rita)), "l1", to) }},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			test.p.Pending = plan.Pending{} // stored
			to := []string{"ada@partner.example", "bo@partner.example"}
			must(t, test.fn(test.p, to))
			to[0] = "later@partner.example" // the enrollment changes after the decision
			want := []plan.Notification{{
				Kind: test.kind, Plan: name, DisplayName: "Cloud in Bavaria", Event: lastEvent(t, test.p),
				Recipients: []string{"ada@partner.example", "bo@partner.example"},
			}}
			if diff := cmp.Diff(want, test.p.Pending.Notifications); diff != "" {
				t.Errorf("notifications (-want +got):\n%s", diff)
			}
			if len(test.p.Pending.Events) != 1 {
				t.Errorf("%d events, want the one that is told", len(test.p.Pending.Events))
			}
		})
	}
}

func TestL13_WrittenThoughNobodyIsThere(t *testing.T) {
	p := newPlan(t, newProgram(t), plan.UnderReview)
	must(t, p.Approve(call(t, rita), newProgram(t), nil, money.Money{}))
	if len(p.Pending.Notifications) != 1 || len(p.Pending.Notifications[0].Recipients) != 0 {
		t.Errorf("notifications %+v, want one to nobody", p.Pending.Notifications)
	}
}

func TestL13_NothingElseNotifies(t *testing.T) {
	program := newProgram(t)
	p := reopened(t, program)
	p.Pending = plan.Pending{} // stored
	for action, edit := range edits(t, p) {
		if err := edit(call(t, pia)); err != nil && action == plan.UpdatePlan {
			t.Fatal(err)
		}
	}
	for _, quiet := range []*plan.Plan{p, newPlan(t, program, plan.UnderReview)} {
		if n := quiet.Pending.Notifications; len(n) != 0 {
			t.Errorf("%s: notifications %+v, want none without a decision", quiet.State, n)
		}
	}
	approved := newPlan(t, program, plan.Approved)
	approved.Pending = plan.Pending{}
	must(t, approved.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
	if n := approved.Pending.Notifications; len(n) != 0 {
		t.Errorf("a limit change that is asked for notifies %+v, want nobody", n)
	}
}
