package planrpc_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// moves are the calls of rule L3, by the states that they can be made in.
var moves = map[string][]planv1.Plan_State{
	"SubmitPlan": {planv1.Plan_EDITING}, "StartReview": {planv1.Plan_SUBMITTED}, "ReopenPlan": {planv1.Plan_ACTION_REQUIRED, planv1.Plan_REJECTED},
	"ApprovePlan": {planv1.Plan_UNDER_REVIEW}, "RequestAction": {planv1.Plan_UNDER_REVIEW}, "RejectPlan": {planv1.Plan_UNDER_REVIEW},
	"CreateLimitChange": {planv1.Plan_APPROVED},
}

func TestL3_EveryMoveInEveryOtherState(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	for _, state := range []planv1.Plan_State{
		planv1.Plan_EDITING, planv1.Plan_SUBMITTED, planv1.Plan_UNDER_REVIEW, planv1.Plan_ACTION_REQUIRED, planv1.Plan_EDITING, planv1.Plan_REJECTED,
		planv1.Plan_EDITING, planv1.Plan_APPROVED,
	} {
		before := w.bring(t, state)
		for method, from := range moves {
			if !slices.Contains(from, state) {
				err := w.calls(t)[method]()
				refused(t, method+" of a plan that is "+state.String(), err, as{codes.FailedPrecondition, "PLAN_STATE"})
				if !strings.Contains(err.Error(), state.String()) || !strings.Contains(err.Error(), method) {
					t.Errorf("%s: %v names not the state and the action", method, err)
				}
			}
		}
		equal(t, "the plan after that", w.plan(t), before)
	}
}

// One plan's life: what each call answers, and the history that it leaves.
func TestL3_L12_ThePlansLife(t *testing.T) {
	w := newWorld(t)
	p := w.drafted(t)
	submitted, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: p.GetEtag()})
	must(t, err)
	if submitted.GetState() != planv1.Plan_SUBMITTED || !proto.Equal(submitted.GetFirstSubmitTime(), submitted.GetSubmitTime()) ||
		!submitted.GetSubmitTime().IsValid() || submitted.GetDecideTime() != nil || !proto.Equal(submitted.GetResubmitDeadline(), day(2026, 9, 28)) {
		t.Errorf("submitted: %v", submitted)
	}
	_, err = w.StartReview(t.Context(), &planv1.StartReviewRequest{Name: coop, Comment: "Mine."})
	must(t, err)
	asked, err := w.RequestAction(t.Context(), &planv1.RequestActionRequest{Name: coop, Comment: "More regions."})
	must(t, err)
	if asked.GetState() != planv1.Plan_ACTION_REQUIRED || asked.GetDecisionComment() != "More regions." || !asked.GetDecideTime().IsValid() {
		t.Errorf("sent back: %v", asked)
	}
	_, err = w.ReopenPlan(t.Context(), &planv1.ReopenPlanRequest{Name: coop, Comment: "On it."})
	must(t, err)
	again := w.bring(t, planv1.Plan_SUBMITTED)
	if !proto.Equal(again.GetFirstSubmitTime(), submitted.GetFirstSubmitTime()) || !again.GetSubmitTime().AsTime().After(submitted.GetSubmitTime().AsTime()) {
		t.Errorf("submitted again: first at %v, last at %v", again.GetFirstSubmitTime().AsTime(), again.GetSubmitTime().AsTime())
	}
	w.bring(t, planv1.Plan_UNDER_REVIEW)
	rejected, err := w.RejectPlan(t.Context(), &planv1.RejectPlanRequest{Name: coop, Comment: "Too late."})
	must(t, err)
	if rejected.GetState() != planv1.Plan_REJECTED || rejected.GetDecisionComment() != "Too late." {
		t.Errorf("rejected: %v", rejected)
	}
	w.bring(t, planv1.Plan_UNDER_REVIEW)
	_, err = w.ApprovePlan(t.Context(), &planv1.ApprovePlanRequest{Name: coop, Comment: "Good.", ApprovedLimit: usd(9_000, 500_000_000)})
	must(t, err)
	w.changeLimit(t, "l1", 12_000)
	_, err = w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: coop + "/limitChanges/l1", Comment: "Fine."})
	must(t, err)
	w.changeLimit(t, "l2", 13_000)
	_, err = w.RejectLimitChange(t.Context(), &planv1.RejectLimitChangeRequest{Name: coop + "/limitChanges/l2", Comment: "Enough."})
	must(t, err)
	w.checkEvents(t)
}

// checkEvents fails where the history is not that of TestL3_L12_ThePlansLife.
func (w *world) checkEvents(t *testing.T) {
	t.Helper()
	const (
		editing, submitted, review   = planv1.Plan_EDITING, planv1.Plan_SUBMITTED, planv1.Plan_UNDER_REVIEW
		asked, rejected, approved    = planv1.Plan_ACTION_REQUIRED, planv1.Plan_REJECTED, planv1.Plan_APPROVED
		create, submit, start        = planv1.PlanEvent_CREATE_PLAN, planv1.PlanEvent_SUBMIT_PLAN, planv1.PlanEvent_START_REVIEW
		requestLimit, approveLimit   = planv1.PlanEvent_REQUEST_LIMIT_CHANGE, planv1.PlanEvent_APPROVE_LIMIT_CHANGE
		reopen, ask, reject, approve = planv1.PlanEvent_REOPEN_PLAN, planv1.PlanEvent_REQUEST_ACTION, planv1.PlanEvent_REJECT_PLAN, planv1.PlanEvent_APPROVE_PLAN
	)
	want := []*planv1.PlanEvent{
		{Action: create, ToState: editing},
		{Action: submit, FromState: editing, ToState: submitted},
		{Action: start, FromState: submitted, ToState: review, Comment: "Mine."},
		{Action: ask, FromState: review, ToState: asked, Comment: "More regions."},
		{Action: reopen, FromState: asked, ToState: editing, Comment: "On it."},
		{Action: submit, FromState: editing, ToState: submitted},
		{Action: start, FromState: submitted, ToState: review},
		{Action: reject, FromState: review, ToState: rejected, Comment: "Too late."},
		{Action: reopen, FromState: rejected, ToState: editing},
		{Action: submit, FromState: editing, ToState: submitted},
		{Action: start, FromState: submitted, ToState: review},
		{Action: approve, FromState: review, ToState: approved, Comment: "Good.", Limit: usd(9_000, 500_000_000), EffectiveMonth: "2025-07"},
		{Action: requestLimit, FromState: approved, ToState: approved, Comment: "Demand.", Limit: usd(12_000, 0)},
		{Action: approveLimit, FromState: approved, ToState: approved, Comment: "Fine.", Limit: usd(12_000, 0), EffectiveMonth: "2026-05"},
		{Action: requestLimit, FromState: approved, ToState: approved, Comment: "Demand.", Limit: usd(13_000, 0)},
		{Action: planv1.PlanEvent_REJECT_LIMIT_CHANGE, FromState: approved, ToState: approved, Comment: "Enough.", Limit: usd(13_000, 0)},
	}
	var got []*planv1.PlanEvent
	for token := ""; ; {
		page, err := w.ListPlanEvents(t.Context(), &planv1.ListPlanEventsRequest{Parent: coop, PageSize: 5, PageToken: token})
		must(t, err)
		got = append(got, page.GetPlanEvents()...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, event := range got {
		if event.GetName() != coop+"/events/000000"+string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10)) {
			t.Errorf("event %d is named %s", i+1, event.GetName())
		}
		if i > 0 && !event.GetTime().AsTime().After(got[i-1].GetTime().AsTime()) {
			t.Errorf("event %d is of %v, not after the one before it", i+1, event.GetTime().AsTime())
		}
		want[i].Name, want[i].Time, want[i].Actor = event.GetName(), event.GetTime(), "local"
		want[i].ActorRole = authv1.Role_INCENTIVES_ADMIN
		switch want[i].GetAction() {
		case planv1.PlanEvent_START_REVIEW, planv1.PlanEvent_APPROVE_PLAN, planv1.PlanEvent_REQUEST_ACTION, planv1.PlanEvent_REJECT_PLAN,
			planv1.PlanEvent_APPROVE_LIMIT_CHANGE, planv1.PlanEvent_REJECT_LIMIT_CHANGE:
			want[i].ActorRole = authv1.Role_REVIEWER
		default:
		}
		equal(t, event.GetName(), event, want[i])
	}
}

// changeLimit asks for a limit.
func (w *world) changeLimit(t *testing.T, id string, amount int64) *planv1.LimitChange {
	t.Helper()
	change, err := w.CreateLimitChange(t.Context(), &planv1.CreateLimitChangeRequest{
		Parent: coop, LimitChangeId: id, LimitChange: &planv1.LimitChange{NewLimit: usd(amount, 0), Reason: "Demand."},
	})
	must(t, err)
	return change
}

// Each decision waits to be told to those who are the partner's admins then, and nothing else does.
func TestL13_DecisionsAreToldToTheAdminsOfThen(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	told := w.bring(t, planv1.Plan_ACTION_REQUIRED).GetDisplayName()
	w.admins(t, "second@partner.example")
	w.bring(t, planv1.Plan_EDITING)
	w.bring(t, planv1.Plan_REJECTED)
	w.admins(t, "third@partner.example", "fourth@partner.example")
	w.bring(t, planv1.Plan_EDITING)
	w.bring(t, planv1.Plan_APPROVED)
	w.changeLimit(t, "l1", 1)
	_, err := w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: coop + "/limitChanges/l1"})
	must(t, err)
	w.changeLimit(t, "l2", 2)
	_, err = w.DeleteEnrollment(t.Context(), &planv1.DeleteEnrollmentRequest{Name: enrollment})
	must(t, err)
	_, err = w.RejectLimitChange(t.Context(), &planv1.RejectLimitChangeRequest{Name: coop + "/limitChanges/l2"})
	must(t, err)

	var got []string
	for p := range store.Partition(w.db.Partitions()) {
		entries, err := w.db.Scan(t.Context(), p, "outbox", "", 100)
		must(t, err)
		for _, entry := range entries {
			var n plan.Notification
			must(t, json.Unmarshal(entry.Value, &n))
			got = append(got, fmt.Sprint(n.Kind, " ", n.Recipients))
			if n.Plan.String() != coop || n.DisplayName != told {
				t.Errorf("the notification is of %s, %q", n.Plan, n.DisplayName)
			}
		}
	}
	want := []string{
		"ACTION_REQUIRED [admin@partner.example]", "PLAN_REJECTED [second@partner.example]", "PLAN_APPROVED [third@partner.example fourth@partner.example]",
		"LIMIT_CHANGE_APPROVED [third@partner.example fourth@partner.example]", "LIMIT_CHANGE_REJECTED []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the outbox holds, oldest first,\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// admins gives the partner other admins.
func (w *world) admins(t *testing.T, emails ...string) {
	t.Helper()
	_, err := w.UpdateEnrollment(t.Context(), &planv1.UpdateEnrollmentRequest{Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: emails}})
	must(t, err)
}

func TestL3_CommentsAreRequired(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	w.bring(t, planv1.Plan_UNDER_REVIEW)
	for _, comment := range []string{"", "  \n"} {
		_, err := w.RequestAction(t.Context(), &planv1.RequestActionRequest{Name: coop, Comment: comment})
		refused(t, "asking for action", err, as{codes.InvalidArgument, "FIELD_REQUIRED"}, "comment")
		_, err = w.RejectPlan(t.Context(), &planv1.RejectPlanRequest{Name: coop, Comment: comment})
		refused(t, "rejecting", err, as{codes.InvalidArgument, "FIELD_REQUIRED"}, "comment")
	}
	_, err := w.ApprovePlan(t.Context(), &planv1.ApprovePlanRequest{Name: coop, Comment: strings.Repeat("ü", 2001), ApprovedLimit: usd(0, 0)})
	refused(t, "approving with too many words, and nothing", err, as{codes.InvalidArgument, "INVALID_FIELDS"},
		"comment FIELD_TOO_LONG", "approved_limit AMOUNT_NOT_POSITIVE")
}

// Submitting lists all that a plan lacks; validating answers the same, and changes nothing.
func TestL7_SubmittingListsAllThatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	yen := &money.Money{CurrencyCode: "JPY", Units: 5}
	for _, request := range []proto.Message{
		&planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, ReviewerEmail: "ana@elsewhere.example", Market: "DE", RequestedLimit: yen}},
		&planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring, StartDate: day(2025, 6, 30), EndDate: day(2026, 7, 1)}},
		&planv1.UpdateActivityRequest{
			Activity:   &planv1.Activity{Name: webinar, StartDate: day(2025, 6, 29), EndDate: day(2026, 7, 2), PlannedCost: yen, ActivityType: "party"},
			UpdateMask: mask("start_date", "end_date", "planned_cost", "activity_type", "region_codes"),
		},
		&planv1.CreateCampaignRequest{Parent: coop, CampaignId: "empty", Campaign: &planv1.Campaign{DisplayName: "Empty"}},
	} {
		_, err := w.do(t, request)
		must(t, err)
	}
	before := w.plan(t)
	fields := []string{
		"plan.reviewer_email REVIEWER_DOMAIN_UNKNOWN", "plan.market MARKET_UNKNOWN", "plan.requested_limit CURRENCY_MISMATCH",
		"plan.campaigns[0].start_date DATE_OUTSIDE_YEAR", "plan.campaigns[0].end_date DATE_OUTSIDE_YEAR",
		"plan.campaigns[0].activities[0].activity_type ACTIVITY_TYPE_UNKNOWN", "plan.campaigns[0].activities[0].region_codes FIELD_REQUIRED",
		"plan.campaigns[0].activities[0].start_date DATE_OUTSIDE_CAMPAIGN", "plan.campaigns[0].activities[0].end_date DATE_OUTSIDE_CAMPAIGN",
		"plan.campaigns[0].activities[0].planned_cost CURRENCY_MISMATCH",
		"plan.campaigns[1].start_date FIELD_REQUIRED", "plan.campaigns[1].end_date FIELD_REQUIRED", "plan.campaigns[1].activities FIELD_REQUIRED",
	}
	for _, validateOnly := range []bool{true, false} {
		_, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: before.GetEtag(), ValidateOnly: validateOnly})
		refused(t, "submitting", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, slices.Clone(fields)...)
		_, err = w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, ValidateOnly: validateOnly})
		refused(t, "submitting without an etag", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, append(slices.Clone(fields), "etag FIELD_REQUIRED")...)
	}
	equal(t, "the plan after that", w.plan(t), before)
}

func TestL7_ValidateOnlyChangesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.drafted(t)
	validate := func(etag string) error {
		_, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: etag, ValidateOnly: true})
		return err
	}
	answer, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: before.GetEtag(), ValidateOnly: true})
	must(t, err)
	if answer.GetState() != planv1.Plan_SUBMITTED || answer.GetSubmitTime() == nil {
		t.Errorf("validated, the plan is said to be %s, submitted at %v; want what submitting would answer", answer.GetState(), answer.GetSubmitTime())
	}
	equal(t, "the plan after a validation", w.plan(t), before)
	events, err := w.ListPlanEvents(t.Context(), &planv1.ListPlanEventsRequest{Parent: coop})
	must(t, err)
	if len(events.GetPlanEvents()) != 1 {
		t.Errorf("%d events, want the one of the creation", len(events.GetPlanEvents()))
	}
	refused(t, "another etag", validate("0-0"), as{codes.Aborted, "ETAG_MISMATCH"})
	w.at(t, "2026-07-02T00:00:00Z")
	refused(t, "after the year", validate(before.GetEtag()), as{codes.FailedPrecondition, "SUBMISSION_DEADLINE_PASSED"})
	w.at(t, "2026-04-11T00:00:00Z")
	p := w.bring(t, planv1.Plan_SUBMITTED)
	refused(t, "a plan that is submitted", validate(p.GetEtag()), as{codes.FailedPrecondition, "PLAN_STATE"})
}
