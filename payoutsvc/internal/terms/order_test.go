package terms_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A backward plansvc answers in the wrong order.
type backward struct{ planv1.PlanServiceClient }

func (b backward) BatchGetPlanTerms(
	ctx context.Context, request *planv1.BatchGetPlanTermsRequest, options ...grpc.CallOption,
) (*planv1.BatchGetPlanTermsResponse, error) {
	response, err := b.PlanServiceClient.BatchGetPlanTerms(ctx, request, options...)
	slices.Reverse(response.GetPlanTerms())
	return response, err
}

// Terms are never those of another plan: answers that are not in the order of the questions are none.
func TestPlanTerms_InAnotherOrder(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetPlan(approved(planA))
	d.plansvc.SetPlan(approved(planB))
	client, err := terms.New(backward{d.plansvc.Client()}, clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	if answers, err := client.PlanTerms(t.Context(), []string{planA, planB}); fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("PlanTerms: %v, %v, want PLANSVC_UNAVAILABLE", answers, err)
	}
	for i, got := range client.Recording(t.Context(), []string{planA, planB}) {
		if fault.ReasonOf(got.Err) != "PLANSVC_UNAVAILABLE" {
			t.Errorf("Recording, plan %d: %+v, want PLANSVC_UNAVAILABLE", i, got)
		}
	}
	if answers, err := client.PlanTerms(t.Context(), []string{planB}); err != nil || answers[0].Terms.Plan != planB {
		t.Errorf("of one plan: %v, %v, want its terms", answers, err)
	}
}
