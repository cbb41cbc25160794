package planrpc_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// updates are the calls that update, with a resource that each can update.
func updates() map[string]proto.Message {
	return map[string]proto.Message{
		"UpdateProgram":    &planv1.UpdateProgramRequest{Program: &planv1.Program{Name: program}},
		"UpdateEnrollment": &planv1.UpdateEnrollmentRequest{Enrollment: &planv1.Enrollment{Name: enrollment}},
		"UpdatePlan":       &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop}},
		"UpdateCampaign":   &planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring}},
		"UpdateActivity":   &planv1.UpdateActivityRequest{Activity: &planv1.Activity{Name: webinar}},
	}
}

// update makes a call of updates with a mask.
func (w *world) update(t *testing.T, method string, paths ...string) error {
	t.Helper()
	request := updates()[method].ProtoReflect()
	request.Set(request.Descriptor().Fields().ByName("update_mask"), protoreflect.ValueOfMessage(mask(paths...).ProtoReflect()))
	for _, m := range methods() {
		if string(m.Name()) == method {
			return w.invoke(t, m, request)
		}
	}
	t.Fatalf("there is no %s", method)
	return nil
}

// A mask that names what is no field, or what only the service writes, is refused by the name.
func TestUpdateMask_Refused(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	before := w.plan(t)
	for method := range updates() {
		for _, test := range []struct{ path, reason string }{
			{"nope", "FIELD_UNKNOWN"},
			{"", "FIELD_UNKNOWN"},
			{"displayName", "FIELD_UNKNOWN"},
			{"display_name.x", "FIELD_UNKNOWN"},
			{"name", "FIELD_OUTPUT_ONLY"},
			{"create_time", "FIELD_OUTPUT_ONLY"},
			{"update_time.seconds", "FIELD_OUTPUT_ONLY"},
			{"etag", "FIELD_OUTPUT_ONLY"},
		} {
			refused(t, method+" of "+test.path, w.update(t, method, test.path), as{codes.InvalidArgument, test.reason}, "update_mask")
		}
		refused(t, method+" of a hundred and one", w.update(t, method, slices.Repeat([]string{"nope"}, 101)...), as{codes.InvalidArgument, "TOO_MANY"}, "update_mask")
		refused(t, method+" of * and another", w.update(t, method, "*", "nope"), as{codes.InvalidArgument, "INVALID_FIELDS"},
			"update_mask FIELD_UNKNOWN", "update_mask FIELD_UNKNOWN")
	}
	for _, path := range []string{"state", "limits", "campaigns", "pending_limit_change", "resubmit_deadline", "decision_comment"} {
		refused(t, "UpdatePlan of "+path, w.update(t, "UpdatePlan", path), as{codes.InvalidArgument, "FIELD_OUTPUT_ONLY"}, "update_mask")
	}
	refused(t, "UpdateCampaign of activities", w.update(t, "UpdateCampaign", "activities"), as{codes.InvalidArgument, "FIELD_OUTPUT_ONLY"}, "update_mask")
	refused(t, "UpdateProgram of a part of a list", w.update(t, "UpdateProgram", "program_years.id"), as{codes.InvalidArgument, "FIELD_UNKNOWN"}, "update_mask")
	equal(t, "the plan after that", w.plan(t), before)
}

// A field that the mask names is changed, also to nothing; what it does not name
// is not, and not even looked at.
func TestUpdateMask_NamesWhatChanges(t *testing.T) {
	w := newWorld(t)
	want := w.drafted(t)
	given := &planv1.Plan{
		Name: coop, DisplayName: "New", Market: "nowhere", CurrencyCode: "XQQ", ReviewerEmail: "nobody", RequestedLimit: usd(1, -1), Program: "programs/other",
	}
	got, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: given, UpdateMask: mask("display_name", "description", "display_name")})
	must(t, err)
	want.DisplayName, want.Description, want.UpdateTime, want.Etag = "New", "", got.GetUpdateTime(), got.GetEtag()
	equal(t, "the plan", got, want)

	// A path below a field stands for the whole field.
	got, err = w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{
		Plan: &planv1.Plan{Name: coop, RequestedLimit: usd(7, 0)}, UpdateMask: mask("requested_limit.units"),
	})
	must(t, err)
	want.RequestedLimit, want.UpdateTime, want.Etag = usd(7, 0), got.GetUpdateTime(), got.GetEtag()
	equal(t, "the plan after a path below a field", got, want)

	_, err = w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: given, UpdateMask: mask("market", "reviewer_email", "requested_limit", "program", "nope")})
	refused(t, "what the mask names is looked at", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "plan.market COUNTRY_UNKNOWN", "plan.reviewer_email EMAIL_MALFORMED",
		"plan.requested_limit MONEY_MALFORMED", "plan.program FIELD_IMMUTABLE", "update_mask FIELD_UNKNOWN")
}

// By AIP-134 an update without a mask changes what it carries a value for. What
// only the service writes is passed over, so that what was read can be sent back.
func TestUpdateMask_Absent(t *testing.T) {
	w := newWorld(t)
	want := w.drafted(t)
	whole, _ := proto.Clone(want).(*planv1.Plan)
	whole.DisplayName, whole.Description = "New", ""
	whole.State, whole.Campaigns, whole.CreateTime = planv1.Plan_APPROVED, nil, timestamppb.New(moment(t, "2020-01-01T00:00:00Z"))
	got, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: whole})
	must(t, err)
	want.DisplayName, want.UpdateTime, want.Etag = "New", got.GetUpdateTime(), got.GetEtag()
	equal(t, "the plan", got, want)

	c := want.GetCampaigns()[0]
	c.Activities[0].DisplayName = "No change of an activity"
	campaign, err := w.UpdateCampaign(t.Context(), &planv1.UpdateCampaignRequest{Campaign: c})
	must(t, err)
	if campaign.GetActivities()[0].GetDisplayName() != "Webinar" || campaign.GetObjective() != "Be known" {
		t.Errorf("the campaign is %v, want it and its activities as they were", campaign)
	}
}

func TestUpdateMask_Star(t *testing.T) {
	w := newWorld(t)
	want := w.drafted(t)
	got, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{
		Plan:       &planv1.Plan{Name: coop, Program: program, FundType: "coop", ProgramYear: "fy26", DisplayName: "Only this"},
		UpdateMask: mask("*"),
	})
	must(t, err)
	equal(t, "the plan with all else taken away", got, &planv1.Plan{
		Name: coop, Program: program, FundType: "coop", ProgramYear: "fy26", DisplayName: "Only this", State: planv1.Plan_EDITING, Campaigns: want.GetCampaigns(),
		CreateTime: want.GetCreateTime(), UpdateTime: got.GetUpdateTime(), Etag: got.GetEtag(),
	})
	activity, err := w.UpdateActivity(t.Context(), &planv1.UpdateActivityRequest{
		Activity: &planv1.Activity{Name: webinar, DisplayName: "Only this"}, UpdateMask: mask("*"),
	})
	must(t, err)
	equal(t, "the activity with all else taken away", activity, &planv1.Activity{
		Name: webinar, DisplayName: "Only this", CreateTime: activity.GetCreateTime(), UpdateTime: activity.GetUpdateTime(), Etag: activity.GetEtag(),
	})
	refused(t, "a program with nothing in it", w.update(t, "UpdateProgram", "*"), as{codes.InvalidArgument, "INVALID_FIELDS"},
		"program.display_name FIELD_REQUIRED", "program.time_zone FIELD_REQUIRED", "program.time_zone FIELD_IMMUTABLE", "program.currency_codes FIELD_REQUIRED",
		"program.program_years FIELD_IMMUTABLE", "program.program_years FIELD_IMMUTABLE")
}

// An update that does not say of what is answered with all else that is wrong with it.
func TestUpdate_AllViolationsAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: "x", Market: "XX"}, UpdateMask: mask("market", "display_name", "nope")})
	refused(t, "UpdatePlan", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "plan.name NAME_MALFORMED", "plan.market COUNTRY_UNKNOWN",
		"plan.display_name FIELD_REQUIRED", "update_mask FIELD_UNKNOWN")
	_, err = w.UpdateActivity(t.Context(), &planv1.UpdateActivityRequest{Activity: &planv1.Activity{RegionCodes: []string{"US", "US"}, PlannedCost: usd(-1, 0)}})
	refused(t, "UpdateActivity", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "activity.name FIELD_REQUIRED", "activity.region_codes[1] DUPLICATE",
		"activity.planned_cost AMOUNT_NEGATIVE")
	_, err = w.RejectPlan(t.Context(), &planv1.RejectPlanRequest{})
	refused(t, "RejectPlan", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "name FIELD_REQUIRED", "comment FIELD_REQUIRED")
	_, err = w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{})
	refused(t, "SubmitPlan", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "name FIELD_REQUIRED", "etag FIELD_REQUIRED")
	_, err = w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{
		CampaignId: "C", Campaign: &planv1.Campaign{StartDate: day(2026, 13, 1), EndDate: day(2026, 4, 31), Activities: []*planv1.Activity{{}}},
	})
	refused(t, "CreateCampaign", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "parent FIELD_REQUIRED", "campaign_id ID_MALFORMED",
		"campaign.display_name FIELD_REQUIRED", "campaign.start_date DATE_MALFORMED", "campaign.end_date DATE_MALFORMED", "campaign.activities FIELD_OUTPUT_ONLY")
	_, err = w.CreateLimitChange(t.Context(), &planv1.CreateLimitChangeRequest{LimitChangeId: "-"})
	refused(t, "CreateLimitChange", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "parent FIELD_REQUIRED", "limit_change_id ID_MALFORMED",
		"limit_change.new_limit FIELD_REQUIRED")
}

// Every call that changes what can be changed takes an etag: another one is
// ABORTED and changes nothing, the right one goes through, and once.
func TestL8_EveryChangeHonoursTheEtag(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	with := func(request proto.Message, etag string) proto.Message {
		m := proto.Clone(request).ProtoReflect()
		if m.Descriptor().Fields().ByName("update_mask") != nil {
			resource := m.Mutable(m.Descriptor().Fields().Get(0)).Message()
			resource.Set(resource.Descriptor().Fields().ByName("etag"), protoreflect.ValueOfString(etag))
		} else {
			m.Set(m.Descriptor().Fields().ByName("etag"), protoreflect.ValueOfString(etag))
		}
		return m.Interface()
	}
	l1 := coop + "/limitChanges/l1"
	var tested []string
	for _, step := range []struct {
		request proto.Message
		etag    func() string
		once    bool // a second call is refused for the state
	}{
		{&planv1.UpdateProgramRequest{Program: &planv1.Program{Name: program, DisplayName: "New"}}, w.etagOf(t, &planv1.GetProgramRequest{Name: program}), false},
		{&planv1.UpdateEnrollmentRequest{Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: []string{"x@partner.example"}}}, w.etagOf(t, &planv1.GetEnrollmentRequest{Name: enrollment}), false},
		{&planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, DisplayName: "New"}}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), false},
		{&planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring, DisplayName: "New"}}, w.etagOf(t, &planv1.GetCampaignRequest{Name: spring}), false},
		{&planv1.UpdateActivityRequest{Activity: &planv1.Activity{Name: webinar, DisplayName: "New"}}, w.etagOf(t, &planv1.GetActivityRequest{Name: webinar}), false},
		{&planv1.SubmitPlanRequest{Name: coop}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{&planv1.StartReviewRequest{Name: coop}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{&planv1.RequestActionRequest{Name: coop, Comment: "More."}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{&planv1.ReopenPlanRequest{Name: coop}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{nil, nil, false},
		{&planv1.RejectPlanRequest{Name: coop, Comment: "No."}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{nil, nil, false},
		{&planv1.ApprovePlanRequest{Name: coop}, w.etagOf(t, &planv1.GetPlanRequest{Name: coop}), true},
		{&planv1.CreateLimitChangeRequest{Parent: coop, LimitChangeId: "l1", LimitChange: &planv1.LimitChange{NewLimit: usd(1, 0)}}, nil, false},
		{&planv1.ApproveLimitChangeRequest{Name: l1}, w.etagOf(t, &planv1.GetLimitChangeRequest{Name: l1}), true},
		{&planv1.CreateLimitChangeRequest{Parent: coop, LimitChangeId: "l2", LimitChange: &planv1.LimitChange{NewLimit: usd(2, 0)}}, nil, false},
		{&planv1.RejectLimitChangeRequest{Name: coop + "/limitChanges/l2"}, w.etagOf(t, &planv1.GetLimitChangeRequest{Name: coop + "/limitChanges/l2"}), true},
		{&planv1.DeleteEnrollmentRequest{Name: enrollment}, w.etagOf(t, &planv1.GetEnrollmentRequest{Name: enrollment}), true},
	} {
		if step.request == nil {
			w.bring(t, planv1.Plan_UNDER_REVIEW)
			continue
		}
		method := methodOf(step.request)
		if step.etag == nil {
			_, err := w.do(t, step.request)
			must(t, err)
			continue
		}
		tested = append(tested, method)
		before := w.plan(t)
		_, err := w.do(t, with(step.request, "0-0"))
		refused(t, method+" with another etag", err, as{codes.Aborted, "ETAG_MISMATCH"})
		equal(t, "the plan after "+method+" with another etag", w.plan(t), before)
		etag := step.etag()
		if _, err := w.do(t, with(step.request, etag)); err != nil {
			t.Errorf("%s with the etag that was read: %v", method, err)
		}
		if !step.once {
			_, err := w.do(t, with(step.request, etag))
			refused(t, method+" with the same etag again", err, as{codes.Aborted, "ETAG_MISMATCH"})
		}
	}
	for _, method := range methods() {
		request, _ := newMessage(t, method.Input()).Interface().(interface{ GetEtag() string })
		takes := request != nil || method.Input().Fields().ByName("update_mask") != nil
		deletes := []string{"DeletePlan", "DeleteCampaign", "DeleteActivity"} // tested with what they delete
		if takes && !slices.Contains(append(deletes, tested...), string(method.Name())) {
			t.Errorf("%s takes an etag and is not tested", method.Name())
		}
	}
}

// etagOf reads the etag of what a request gets.
func (w *world) etagOf(t *testing.T, get proto.Message) func() string {
	t.Helper()
	return func() string {
		got, err := w.do(t, get)
		must(t, err)
		resource, _ := got.(interface{ GetEtag() string })
		return resource.GetEtag()
	}
}

func methodOf(request proto.Message) string {
	name := string(request.ProtoReflect().Descriptor().Name())
	return name[:len(name)-len("Request")]
}

// do makes the call that a request is of.
func (w *world) do(t *testing.T, request proto.Message) (proto.Message, error) {
	t.Helper()
	for _, method := range methods() {
		if method.Input().FullName() == request.ProtoReflect().Descriptor().FullName() {
			answer := newMessage(t, method.Output()).Interface()
			return answer, w.conn.Invoke(t.Context(), pathOf(method), request, answer)
		}
	}
	t.Fatalf("no method takes %s", request.ProtoReflect().Descriptor().Name())
	return nil, nil
}

// Of 8 who change what they read, one gets through at a time, and none is lost.
func TestL8_NoUpdateIsLost(t *testing.T) {
	w := newWorld(t)
	before := w.drafted(t)
	w.db.beforeCommit(func() {
		_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, Description: "first"}})
		worked(t, err)
	})
	_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, DisplayName: "second", Etag: before.GetEtag()}})
	refused(t, "an update of what another changed meanwhile", err, as{codes.Aborted, "ETAG_MISMATCH"})

	w.db.beforeCommit(func() {
		_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, Description: "third"}})
		worked(t, err)
	})
	after, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, DisplayName: "fourth"}})
	must(t, err)
	if after.GetDescription() != "third" || after.GetDisplayName() != "fourth" {
		t.Errorf("the plan is %q, %q, want what both wrote", after.GetDescription(), after.GetDisplayName())
	}
}

// A change that conflicts is made again on newer state, and dated again: history never goes back in time.
func TestL12_AChangeThatIsMadeAgainIsDatedAgain(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	w.bring(t, planv1.Plan_UNDER_REVIEW)
	w.db.beforeCommit(func() {
		_, err := w.UpdateEnrollment(t.Context(), &planv1.UpdateEnrollmentRequest{
			Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: []string{"x@partner.example"}},
		})
		worked(t, err)
	})
	approved, err := w.ApprovePlan(t.Context(), &planv1.ApprovePlanRequest{Name: coop})
	must(t, err)
	e, err := w.GetEnrollment(t.Context(), &planv1.GetEnrollmentRequest{Name: enrollment})
	must(t, err)
	if !approved.GetDecideTime().AsTime().After(e.GetUpdateTime().AsTime()) {
		t.Errorf("decided at %v on the enrollment of %v, want it dated after", approved.GetDecideTime().AsTime(), e.GetUpdateTime().AsTime())
	}
}

// Of two who take up the same plan at once, the second is told that it is taken.
func TestL3_TwoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	submitted := w.bring(t, planv1.Plan_SUBMITTED)
	w.db.beforeCommit(func() { worked(t, w.advance(t.Context(), submitted, planv1.Plan_UNDER_REVIEW)) })
	_, err := w.StartReview(t.Context(), &planv1.StartReviewRequest{Name: coop})
	refused(t, "the second to start the review", err, as{codes.FailedPrecondition, "PLAN_STATE"})
}
