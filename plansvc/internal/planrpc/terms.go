package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// maxTerms is how many plans one call of BatchGetPlanTerms can ask for.
const maxTerms = 1000

// BatchGetPlanTerms returns the terms of plans.
func (s *Server) BatchGetPlanTerms(ctx context.Context, request *planv1.BatchGetPlanTermsRequest) (*planv1.BatchGetPlanTermsResponse, error) {
	var v fault.Violations
	switch n := len(request.GetPlans()); {
	case n == 0:
		v.Add("plans", "BATCH_EMPTY", "names no plan")
	case n > maxTerms:
		v.Add("plans", "BATCH_TOO_LARGE", "names %d plans; at most %d can be asked for at once", n, maxTerms)
		return nil, v.Err()
	}
	names := make([]plan.Name, len(request.GetPlans()))
	for i, name := range request.GetPlans() {
		var err error
		if names[i], err = plan.ParseName(name); err != nil {
			names[i] = planName(v.At("plans", i), "", name)
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	standings, err := s.store.Standings(ctx, names)
	if err != nil {
		return nil, err
	}
	programs, now := s.programs(), s.now()
	response := &planv1.BatchGetPlanTermsResponse{}
	for i, standing := range standings {
		if standing == nil {
			response.NotFound = append(response.NotFound, request.GetPlans()[i])
			continue
		}
		program, err := programs(ctx, standing.Name.Program)
		if err != nil {
			return nil, err
		}
		terms, err := standing.TermsIn(program, now)
		if err != nil {
			return nil, err
		}
		response.PlanTerms = append(response.PlanTerms, wireTerms(terms))
	}
	return response, nil
}

func wireTerms(t plan.Terms) *planv1.PlanTerms {
	return &planv1.PlanTerms{
		Plan: t.Plan.String(), Program: "programs/" + t.Plan.Program, State: wireState(t.State), CurrencyCode: t.CurrencyCode, TimeZone: t.TimeZone,
		StartDate: wireDay(t.StartDate), EndDate: wireDay(t.EndDate), LateEarningDays: int32(t.LateEarningDays),
		FirstSubmitTime: rpc.WireTime(t.FirstSubmitTime), Limits: list(t.Limits, wireLimit), Lapsed: t.Lapsed, ResubmissionDays: int32(t.ResubmissionDays),
	}
}
