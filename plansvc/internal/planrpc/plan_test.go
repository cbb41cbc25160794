package planrpc_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func (w *world) createPlan(t *testing.T, parent string, change ...func(*planv1.Plan)) (*planv1.Plan, error) {
	t.Helper()
	p := draft()
	for _, fn := range change {
		fn(p)
	}
	return w.CreatePlan(t.Context(), &planv1.CreatePlanRequest{Parent: parent, Plan: p})
}

func TestCreatePlan(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	created, err := w.createPlan(t, partner, func(p *planv1.Plan) { p.Name = coop })
	must(t, err)
	want := draft()
	want.Name, want.State = coop, planv1.Plan_EDITING
	want.CreateTime, want.UpdateTime, want.Etag = created.GetCreateTime(), created.GetCreateTime(), created.GetEtag()
	equal(t, "the plan that was created", created, want)
	equal(t, "the plan that was read", w.plan(t), created)
	if !created.GetCreateTime().IsValid() || created.GetEtag() == "" {
		t.Errorf("created at %v with etag %q, want both", created.GetCreateTime(), created.GetEtag())
	}
	small, err := w.CreatePlan(t.Context(), &planv1.CreatePlanRequest{
		Parent: partner, Plan: &planv1.Plan{Program: program, FundType: "mdf", ProgramYear: "fy26", DisplayName: "x"},
	})
	must(t, err)
	if small.GetName() != strings.ReplaceAll(coop, "coop", "mdf") || small.GetRequestedLimit() != nil {
		t.Errorf("a draft with nothing in it is %v, want its name and no limit", small)
	}
}

// Whatever is wrong is answered at once, whether or not it can be said what it is a plan of.
func TestL7_CreatePlan_AllViolationsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	content := planv1.Plan{
		DisplayName: "", Description: strings.Repeat("x", 2001), Market: "XX", CurrencyCode: "usd", ReviewerEmail: "ana", RequestedLimit: usd(-1, 0),
		Campaigns: []*planv1.Campaign{{DisplayName: "Spring"}},
	}
	wrong := []string{
		"plan.campaigns FIELD_OUTPUT_ONLY", "plan.display_name FIELD_REQUIRED", "plan.description FIELD_TOO_LONG", "plan.market COUNTRY_UNKNOWN",
		"plan.currency_code CURRENCY_UNKNOWN", "plan.reviewer_email EMAIL_MALFORMED", "plan.requested_limit AMOUNT_NEGATIVE",
	}
	for _, test := range []struct {
		name, parent, program, fundType, year string
		fields                                []string
	}{
		{"known by name", partner, program, "coop", "fy26", nil},
		{"no program", partner, "", "", "", []string{"plan.program FIELD_REQUIRED", "plan.fund_type FIELD_REQUIRED", "plan.program_year FIELD_REQUIRED"}},
		{"no partner", "", program, "coop", "fy26", []string{"parent FIELD_REQUIRED"}},
		{"malformed", "partners/-", "azure", "Coop", "fy.26", []string{"parent NAME_MALFORMED", "plan.program NAME_MALFORMED", "plan.fund_type ID_MALFORMED", "plan.program_year ID_MALFORMED"}},
		{"malformed in a program", partner, program, "Coop", "fy.26", []string{"plan.fund_type ID_MALFORMED", "plan.program_year ID_MALFORMED"}},
		{"unknown to the program", partner, program, "gold", "fy99", []string{"plan.fund_type FUND_TYPE_UNKNOWN", "plan.program_year PROGRAM_YEAR_UNKNOWN"}},
	} {
		p, _ := proto.Clone(&content).(*planv1.Plan)
		p.Program, p.FundType, p.ProgramYear = test.program, test.fundType, test.year
		_, err := w.CreatePlan(t.Context(), &planv1.CreatePlanRequest{Parent: test.parent, Plan: p})
		refused(t, test.name, err, as{codes.InvalidArgument, "INVALID_FIELDS"}, append(test.fields, wrong...)...)
	}
	_, err := w.createPlan(t, partner, func(p *planv1.Plan) { p.Name = strings.ReplaceAll(coop, "coop", "mdf") })
	refused(t, "another name than the derived", err, as{codes.InvalidArgument, "NAME_MISMATCH"}, "plan.name")
}

func TestL7_CreatePlan_Money(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	for _, test := range []struct {
		name   string
		limit  *money.Money
		reason string
	}{
		{"finer than a cent", usd(1, 5_000_000), "AMOUNT_TOO_PRECISE"},
		{"a tenth of a yen", &money.Money{CurrencyCode: "JPY", Nanos: 100_000_000}, "AMOUNT_TOO_PRECISE"},
		{"signs that differ", usd(1, -10_000_000), "MONEY_MALFORMED"},
		{"nanos of more than a unit", usd(0, 1_000_000_000), "MONEY_MALFORMED"},
		{"no currency", &money.Money{Units: 1}, "CURRENCY_REQUIRED"},
		{"an unknown currency", &money.Money{CurrencyCode: "XQQ", Units: 1}, "CURRENCY_UNKNOWN"},
		{"below zero", usd(-1, 0), "AMOUNT_NEGATIVE"},
		{"more than there can be", usd(10_000_000_000_000, 10_000_000), "AMOUNT_TOO_LARGE"},
		{"as much as there can be", usd(10_000_000_000_000, 0), ""},
		{"nothing of a currency", usd(0, 0), ""},
		{"another currency than the plan's, until it is submitted", &money.Money{CurrencyCode: "JPY", Units: 1}, ""},
	} {
		_, err := w.createPlan(t, partner, func(p *planv1.Plan) { p.RequestedLimit = test.limit })
		if test.reason != "" {
			refused(t, test.name, err, as{codes.InvalidArgument, test.reason}, "plan.requested_limit")
			continue
		}
		must(t, err)
		if got := w.plan(t).GetRequestedLimit(); !proto.Equal(got, test.limit) {
			t.Errorf("%s: stored as %v, want %v", test.name, got, test.limit)
		}
		_, err = w.DeletePlan(t.Context(), &planv1.DeletePlanRequest{Name: coop})
		must(t, err)
	}
}

// Also when a second plan could not be created for other reasons, and in any state of the first.
func TestL1_CreatePlan_Exists(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	for _, state := range []planv1.Plan_State{
		planv1.Plan_EDITING, planv1.Plan_SUBMITTED, planv1.Plan_UNDER_REVIEW, planv1.Plan_REJECTED, planv1.Plan_ACTION_REQUIRED, planv1.Plan_APPROVED,
	} {
		if state == planv1.Plan_ACTION_REQUIRED {
			w.bring(t, planv1.Plan_EDITING)
		}
		before := w.bring(t, state)
		_, err := w.createPlan(t, partner)
		refused(t, "creating a plan that is "+state.String(), err, as{codes.AlreadyExists, "PLAN_EXISTS"})
		equal(t, "the plan after that", w.plan(t), before)
	}
	w.at(t, "2027-01-01T00:00:00Z")
	_, err := w.createPlan(t, partner)
	refused(t, "creating it after its year", err, as{codes.AlreadyExists, "PLAN_EXISTS"})
	_, err = w.createPlan(t, partner, func(p *planv1.Plan) { p.DisplayName = "" })
	refused(t, "creating it malformed", err, as{codes.AlreadyExists, "PLAN_EXISTS"})
}

// A program that the partner is not in is, for it, none: not by a word can the two be told apart.
func TestL2_AProgramThatThePartnerIsNotInIsNone(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	_, notEnrolled := w.createPlan(t, "partners/other")
	_, none := w.createPlan(t, "partners/other", func(p *planv1.Plan) { p.Program = "programs/nope" })
	refused(t, "a program that the partner is not in", notEnrolled, as{codes.NotFound, "PROGRAM_NOT_FOUND"})
	refused(t, "a program that does not exist", none, as{codes.NotFound, "PROGRAM_NOT_FOUND"})
	one, two := status.Convert(notEnrolled).Proto().String(), status.Convert(none).Proto().String()
	if got := strings.ReplaceAll(one, "programs/azure", "programs/nope"); got != two {
		t.Errorf("not enrolled is answered with\n\t%s\nand no program with\n\t%s", got, two)
	}
	// It is not said either whether the program takes plans, or the year is over.
	w.at(t, "2030-01-01T00:00:00Z")
	_, err := w.createPlan(t, "partners/other")
	refused(t, "after its year", err, as{codes.NotFound, "PROGRAM_NOT_FOUND"})
}

// A partner whose enrollment ended changes its plans no more; the owner still decides on them.
func TestL2_WhenAnEnrollmentEnds(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	_, err := w.DeleteEnrollment(t.Context(), &planv1.DeleteEnrollmentRequest{Name: enrollment})
	must(t, err)
	calls := w.calls(t)
	for _, method := range []string{
		"CreatePlan", "UpdatePlan", "DeletePlan", "SubmitPlan", "ReopenPlan", "CreateCampaign", "UpdateCampaign", "DeleteCampaign",
		"CreateActivity", "UpdateActivity", "DeleteActivity", "CreateLimitChange",
	} {
		refused(t, method, calls[method](), as{codes.NotFound, "PROGRAM_NOT_FOUND"})
	}
	_, err = w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: w.plan(t).GetEtag(), ValidateOnly: true})
	refused(t, "validating", err, as{codes.NotFound, "PROGRAM_NOT_FOUND"})

	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: partner, EnrollmentId: "azure"})
	must(t, err)
	w.bring(t, planv1.Plan_UNDER_REVIEW)
	_, err = w.DeleteEnrollment(t.Context(), &planv1.DeleteEnrollmentRequest{Name: enrollment})
	must(t, err)
	w.bring(t, planv1.Plan_APPROVED)
}

func TestP2_CreatePlan(t *testing.T) {
	w := newWorld(t)
	direct := azure()
	direct.HasPlans = false
	_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "azure", Program: direct})
	must(t, err)
	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: partner, EnrollmentId: "azure"})
	must(t, err)
	_, err = w.createPlan(t, partner)
	refused(t, "a program without plans", err, as{codes.FailedPrecondition, "PROGRAM_HAS_NO_PLANS"})
}

func TestL5_CreationAndFirstSubmission(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	submit := func() error {
		_, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: w.plan(t).GetEtag(), ValidateOnly: true})
		return err
	}
	w.at(t, "2026-07-01T06:59:59Z") // 23:59:59 of 30 June in Los Angeles
	must(t, submit())
	_, err := w.createPlan(t, partner, func(p *planv1.Plan) { p.FundType = "mdf" })
	must(t, err)
	_, err = w.DeletePlan(t.Context(), &planv1.DeletePlanRequest{Name: strings.ReplaceAll(coop, "coop", "mdf")})
	must(t, err)
	w.at(t, "2026-07-01T07:00:00Z")
	refused(t, "submitting after the year", submit(), as{codes.FailedPrecondition, "SUBMISSION_DEADLINE_PASSED"})
	_, err = w.createPlan(t, partner, func(p *planv1.Plan) { p.FundType = "mdf" })
	refused(t, "creating after the year", err, as{codes.FailedPrecondition, "CREATION_DEADLINE_PASSED"})
}

func TestL6_Resubmission(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	p := w.bring(t, planv1.Plan_REJECTED)
	if got := p.GetResubmitDeadline(); !proto.Equal(got, day(2026, 9, 28)) {
		t.Errorf("the last day of resubmission is %v, want 2026-09-28", got)
	}
	w.at(t, "2026-09-29T07:00:00Z")
	_, err := w.ReopenPlan(t.Context(), &planv1.ReopenPlanRequest{Name: coop})
	refused(t, "reopening after the window", err, as{codes.FailedPrecondition, "RESUBMISSION_DEADLINE_PASSED"})
	w.at(t, "2026-09-29T06:59:58Z")
	p = w.bring(t, planv1.Plan_EDITING)
	w.at(t, "2026-09-29T07:00:00Z")
	_, err = w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: p.GetEtag()})
	refused(t, "submitting after the window", err, as{codes.FailedPrecondition, "RESUBMISSION_DEADLINE_PASSED"})
	w.at(t, "2026-09-29T06:59:59Z")
	w.bring(t, planv1.Plan_SUBMITTED)
	w.at(t, "2027-01-01T00:00:00Z") // a reviewer may decide later
	w.bring(t, planv1.Plan_APPROVED)
}

func TestL4_LockedOutsideEditing(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	for _, state := range []planv1.Plan_State{
		planv1.Plan_SUBMITTED, planv1.Plan_UNDER_REVIEW, planv1.Plan_ACTION_REQUIRED, planv1.Plan_EDITING, planv1.Plan_REJECTED, planv1.Plan_EDITING, planv1.Plan_APPROVED,
	} {
		before := w.bring(t, state)
		for method, call := range w.calls(t) {
			switch method {
			case "DeletePlan":
				refused(t, method+" of a plan that is "+state.String(), call(), as{codes.FailedPrecondition, "PLAN_WAS_SUBMITTED"})
			case "UpdatePlan", "CreateCampaign", "UpdateCampaign", "DeleteCampaign", "CreateActivity", "UpdateActivity", "DeleteActivity":
				if state != planv1.Plan_EDITING {
					refused(t, method+" of a plan that is "+state.String(), call(), as{codes.FailedPrecondition, "PLAN_NOT_EDITING"})
				}
			}
		}
		equal(t, "the plan after that", w.plan(t), before)
	}
}

func TestL4_DeletingADraftFreesItsName(t *testing.T) {
	w := newWorld(t)
	first := w.drafted(t)
	_, err := w.DeletePlan(t.Context(), &planv1.DeletePlanRequest{Name: coop, Etag: "0-0"})
	refused(t, "deleting another than was read", err, as{codes.Aborted, "ETAG_MISMATCH"})
	_, err = w.DeletePlan(t.Context(), &planv1.DeletePlanRequest{Name: coop, Etag: first.GetEtag()})
	must(t, err)
	_, err = w.GetPlan(t.Context(), &planv1.GetPlanRequest{Name: coop})
	refused(t, "reading what was deleted", err, as{codes.NotFound, "PLAN_NOT_FOUND"})
	_, err = w.ListPlanEvents(t.Context(), &planv1.ListPlanEventsRequest{Parent: coop})
	refused(t, "its history", err, as{codes.NotFound, "PLAN_NOT_FOUND"})
	second, err := w.createPlan(t, partner)
	must(t, err)
	if len(second.GetCampaigns()) != 0 || second.GetEtag() == first.GetEtag() {
		t.Errorf("the new plan has %d campaigns and etag %s, want none, and another than %s", len(second.GetCampaigns()), second.GetEtag(), first.GetEtag())
	}
}

func TestL9_IdentityIsFixed(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	update := func(change *planv1.Plan) error {
		change.Name = coop
		_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: change})
		return err
	}
	refused(t, "another identity", update(&planv1.Plan{Program: "programs/other", FundType: "mdf", ProgramYear: "fy25"}), as{codes.InvalidArgument, "INVALID_FIELDS"},
		"plan.program FIELD_IMMUTABLE", "plan.fund_type FIELD_IMMUTABLE", "plan.program_year FIELD_IMMUTABLE")
	must(t, update(&planv1.Plan{Program: program, FundType: "coop", ProgramYear: "fy26"})) // the same
	must(t, update(&planv1.Plan{Market: "JP", CurrencyCode: "JPY"}))
	must(t, update(&planv1.Plan{Market: "US", CurrencyCode: "USD"}))
	w.bring(t, planv1.Plan_REJECTED)
	w.bring(t, planv1.Plan_EDITING)
	refused(t, "another market and currency after a submission", update(&planv1.Plan{Market: "JP", CurrencyCode: "JPY"}), as{codes.InvalidArgument, "INVALID_FIELDS"},
		"plan.market FIELD_IMMUTABLE", "plan.currency_code FIELD_IMMUTABLE")
	must(t, update(&planv1.Plan{Market: "US", CurrencyCode: "USD", Description: "New"}))
}

// What is long is refused as fast as what is short: the time to look for a country by its name grows with the square of the text.
func TestLongCountries(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	long, began := strings.Repeat("x", 200_000), time.Now()
	many := slices.Repeat([]string{"zz"}, 301)
	_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, Market: long}})
	refused(t, "a market", err, as{codes.InvalidArgument, "COUNTRY_UNKNOWN"}, "plan.market")
	_, err = w.UpdateActivity(t.Context(), &planv1.UpdateActivityRequest{Activity: &planv1.Activity{Name: webinar, RegionCodes: []string{long}}})
	refused(t, "a region", err, as{codes.InvalidArgument, "COUNTRY_UNKNOWN"}, "activity.region_codes[0]")
	_, err = w.UpdateActivity(t.Context(), &planv1.UpdateActivityRequest{Activity: &planv1.Activity{Name: webinar, RegionCodes: many}})
	refused(t, "too many regions", err, as{codes.InvalidArgument, "TOO_MANY"}, "activity.region_codes")
	_, err = w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: &planv1.Program{Name: program, Markets: many}})
	refused(t, "too many markets", err, as{codes.InvalidArgument, "TOO_MANY"}, "program.markets")
	if took := time.Since(began); took > 5*time.Second { // some milliseconds
		t.Errorf("it took %s", took)
	}
}
