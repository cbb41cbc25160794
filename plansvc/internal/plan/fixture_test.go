package plan_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

const (
	losAngeles = "America/Los_Angeles"
	aSummerDay = "2025-08-01T12:00:00Z" // in the fixture's program year
)

var (
	pia    = plan.Actor{ID: "pia"}                // writes plans for the partner
	rita   = plan.Actor{ID: "rita"}               // reviews them
	local  = plan.Actor{ID: "local", Local: true} // does both
	name   = plan.Name{Partner: "1001", Program: "azure", FundType: "coop", ProgramYear: "fy26"}
	admins = []string{"ada@partner.example", "bo@partner.example"}
	states = []plan.State{plan.Editing, plan.Submitted, plan.UnderReview, plan.Approved, plan.ActionRequired, plan.Rejected}
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func date(t testing.TB, text string) plan.Date {
	t.Helper()
	d, err := plan.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func month(t testing.TB, text string) plan.Month {
	t.Helper()
	m, err := plan.ParseMonth(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func usd(amount int64) money.Money { return money.New("USD", decimal.New(amount, 0)) }

// call is a call by an actor on a summer day.
func call(t testing.TB, actor plan.Actor) plan.Call {
	t.Helper()
	return plan.Call{Actor: actor, Now: at(t, aSummerDay)}
}

func programContent(t testing.TB) plan.ProgramContent {
	t.Helper()
	return plan.ProgramContent{
		DisplayName:   "Azure incentives",
		TimeZone:      losAngeles,
		CurrencyCodes: []string{"USD", "JPY"},
		Markets:       []string{"US", "DE"},
		FundTypes:     []plan.FundType{{ID: "coop", DisplayName: "Co-op"}, {ID: "mdf", DisplayName: "Market development"}},
		ProgramYears: []plan.ProgramYear{
			{ID: "fy26", StartDate: date(t, "2025-07-01"), EndDate: date(t, "2026-06-30")},
		},
		ActivityTypes:        []plan.ActivityType{{ID: "webinar", DisplayName: "Webinar"}},
		ReviewerEmailDomains: []string{"contoso.com", "Example.org"},
		HasPlans:             true,
		GuideURI:             "https://contoso.com/guide",
	}
}

// newProgram is the fixture's program, with its content changed.
func newProgram(t testing.TB, change ...func(*plan.ProgramContent)) *plan.Program {
	t.Helper()
	content := programContent(t)
	for _, f := range change {
		f(&content)
	}
	program, err := plan.NewProgram(plan.Call{Now: at(t, "2025-01-01T00:00:00Z")}, "azure", content)
	if err != nil {
		t.Fatalf("the fixture's program: %v", err)
	}
	return program
}

func planContent() plan.Content {
	return plan.Content{
		DisplayName: "Cloud in Bavaria", Description: "Webinars", Market: "DE", CurrencyCode: "USD",
		ReviewerEmail: "ana@contoso.com", RequestedLimit: usd(10000),
	}
}

func campaignContent(t testing.TB) plan.CampaignContent {
	t.Helper()
	return plan.CampaignContent{
		DisplayName: "Autumn", Objective: "Be known",
		StartDate: date(t, "2025-09-01"), EndDate: date(t, "2025-11-30"),
	}
}

func activityContent(t testing.TB) plan.ActivityContent {
	t.Helper()
	return plan.ActivityContent{
		DisplayName: "Kick-off", ActivityType: "webinar", RegionCodes: []string{"DE", "AT"},
		StartDate: date(t, "2025-09-01"), EndDate: date(t, "2025-11-30"), PlannedCost: usd(500), Description: "One hour",
	}
}

// newDraft is a plan that can be submitted: one campaign, c1, with one activity, a1.
func newDraft(t testing.TB, program *plan.Program) *plan.Plan {
	t.Helper()
	c := plan.Call{Actor: pia, Now: at(t, "2025-07-01T12:00:00Z")}
	p, err := plan.New(c, name, program, planContent())
	must(t, err)
	must(t, p.AddCampaign(c, "c1", campaignContent(t)))
	must(t, p.AddActivity(c, "c1", "a1", activityContent(t)))
	return p
}

// newPlan is the plan of newDraft, brought to a state on a summer day by pia and rita.
func newPlan(t testing.TB, program *plan.Program, state plan.State) *plan.Plan {
	t.Helper()
	p := newDraft(t, program)
	if state == plan.Editing {
		return p
	}
	submit := call(t, pia)
	submit.Etag = p.Etag()
	must(t, p.Submit(submit, program))
	if state == plan.Submitted {
		return p
	}
	review := call(t, rita)
	must(t, p.StartReview(review))
	review.Comment = "seen"
	switch state {
	case plan.Approved:
		must(t, p.Approve(review, program, admins, money.Money{}))
	case plan.ActionRequired:
		must(t, p.RequestAction(review, admins))
	case plan.Rejected:
		must(t, p.Reject(review, admins))
	default: // it is there
	}
	if p.State != state {
		t.Fatalf("the fixture's plan is %s, want %s", p.State, state)
	}
	return p
}

// reopened is a plan that was submitted, sent back and taken up again.
func reopened(t testing.TB, program *plan.Program) *plan.Plan {
	t.Helper()
	p := newPlan(t, program, plan.ActionRequired)
	must(t, p.Reopen(call(t, pia), program))
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// snapshot is all that a value holds, as text.
func snapshot(t testing.TB, value any) string {
	t.Helper()
	all := []any{value}
	if p, ok := value.(*plan.Plan); ok {
		all = append(all, p.Pending)
	}
	text, err := json.MarshalIndent(all, "", " ")
	must(t, err)
	return string(text)
}

// refused runs a call that has to fail for a reason, and leave what it was
// called on as it was.
func refused(t testing.TB, target any, reason string, fn func() error) {
	t.Helper()
	_ = refusal(t, target, reason, fn)
}

// refusal is refused, and returns the error.
func refusal(t testing.TB, target any, reason string, fn func() error) *fault.Error {
	t.Helper()
	before := snapshot(t, target)
	err := fn()
	if diff := cmp.Diff(before, snapshot(t, target)); diff != "" {
		t.Errorf("refused with %v, and still changed (-before +after):\n%s", err, diff)
	}
	got, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("error %v, want a refusal with reason %s", err, reason)
	}
	if got.Reason != reason {
		t.Fatalf("refused with %s (%v), want %s", got.Reason, err, reason)
	}
	return got
}

// violated is refused for the violations of a request, each as "path REASON".
func violated(t testing.TB, target any, want []string, fn func() error) {
	t.Helper()
	before := snapshot(t, target)
	err := fn()
	if diff := cmp.Diff(before, snapshot(t, target)); diff != "" {
		t.Errorf("refused with %v, and still changed (-before +after):\n%s", err, diff)
	}
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s\nof error %v", diff, err)
	}
	if len(want) > 0 && fault.KindOf(err) != fault.Invalid {
		t.Errorf("kind %v, want Invalid", fault.KindOf(err))
	}
}

// violations are those of an error, each as "path REASON".
func violations(err error) []string {
	var list []string
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range refusal.Fields {
			list = append(list, f.Path+" "+f.Reason)
		}
	}
	return list
}

// lastEvent is the latest event that waits to be stored.
func lastEvent(t testing.TB, p *plan.Plan) plan.Event {
	t.Helper()
	if len(p.Pending.Events) == 0 {
		t.Fatal("no event, want one")
	}
	return p.Pending.Events[len(p.Pending.Events)-1]
}
