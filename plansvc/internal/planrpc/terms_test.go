package planrpc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestBatchGetPlanTerms(t *testing.T) {
	w := newWorld(t)
	w.crowded(t)
	p := w.bring(t, planv1.Plan_APPROVED)
	w.changeLimit(t, "l1", 20_000)
	_, err := w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: coop + "/limitChanges/l1"})
	must(t, err)

	draft := strings.ReplaceAll(coop, "contoso", "adatum")
	unknown := []string{strings.ReplaceAll(coop, "contoso", "nobody"), strings.ReplaceAll(coop, "fy26", "fy99"), strings.ReplaceAll(coop, "azure", "nope")}
	got, err := w.BatchGetPlanTerms(t.Context(), &planv1.BatchGetPlanTermsRequest{Plans: []string{unknown[0], draft, unknown[1], coop, unknown[2], draft}})
	must(t, err)
	terms := func(name string, state planv1.Plan_State) *planv1.PlanTerms {
		return &planv1.PlanTerms{
			Plan: name, Program: program, State: state, CurrencyCode: "USD", TimeZone: "America/Los_Angeles",
			StartDate: day(2025, 7, 1), EndDate: day(2026, 6, 30), LateEarningDays: 90, ResubmissionDays: 90,
		}
	}
	approved := terms(coop, planv1.Plan_APPROVED)
	approved.FirstSubmitTime = p.GetFirstSubmitTime()
	approved.Limits = []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: usd(10_000, 0)}, {EffectiveMonth: "2026-05", Amount: usd(20_000, 0)}}
	equal(t, "the terms", got, &planv1.BatchGetPlanTermsResponse{
		PlanTerms: []*planv1.PlanTerms{terms(draft, planv1.Plan_EDITING), approved, terms(draft, planv1.Plan_EDITING)}, NotFound: unknown,
	})

	// They are those of the program as it is now.
	_, err = w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: &planv1.Program{Name: program, LateEarningDays: new(int32(0))}})
	must(t, err)
	got, err = w.BatchGetPlanTerms(t.Context(), &planv1.BatchGetPlanTermsRequest{Plans: []string{coop}})
	must(t, err)
	approved.LateEarningDays = 0
	equal(t, "the terms after a change of the program", got, &planv1.BatchGetPlanTermsResponse{PlanTerms: []*planv1.PlanTerms{approved}})

	// A draft that nobody submitted in time is of no use any more.
	w.at(t, "2026-07-03T12:00:00Z")
	got, err = w.BatchGetPlanTerms(t.Context(), &planv1.BatchGetPlanTermsRequest{Plans: []string{draft, coop}})
	must(t, err)
	if terms := got.GetPlanTerms(); len(terms) != 2 || !terms[0].GetLapsed() || terms[1].GetLapsed() {
		t.Errorf("terms after the year: %v, want the draft lapsed, and not the approved plan", terms)
	}
}

func TestBatchGetPlanTerms_Refused(t *testing.T) {
	w := newWorld(t)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("partners/p%d/plans/azure.coop.fy26", i)
	}
	got, err := w.BatchGetPlanTerms(t.Context(), &planv1.BatchGetPlanTermsRequest{Plans: many[:1000]})
	must(t, err)
	if !slices.Equal(got.GetNotFound(), many[:1000]) || proto.Size(&planv1.BatchGetPlanTermsResponse{PlanTerms: got.GetPlanTerms()}) != 0 {
		t.Errorf("of 1,000 plans that do not exist %d are not found", len(got.GetNotFound()))
	}
	for _, test := range []struct {
		name, reason string
		plans        []string
		fields       []string
	}{
		{"none", "BATCH_EMPTY", nil, []string{"plans"}},
		{"one too many", "BATCH_TOO_LARGE", many, []string{"plans"}},
		{
			"malformed ones", "INVALID_FIELDS",
			[]string{coop, "", "partners/-/plans/azure.coop.fy26", coop, spring},
			[]string{"plans[1] FIELD_REQUIRED", "plans[2] NAME_MALFORMED", "plans[4] NAME_MALFORMED"},
		},
	} {
		_, err := w.BatchGetPlanTerms(t.Context(), &planv1.BatchGetPlanTermsRequest{Plans: test.plans})
		refused(t, test.name, err, as{codes.InvalidArgument, test.reason}, test.fields...)
	}
}
