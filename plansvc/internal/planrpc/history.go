package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// ListPlanEvents lists a plan's history, oldest first.
func (s *Server) ListPlanEvents(ctx context.Context, request *planv1.ListPlanEventsRequest) (*planv1.ListPlanEventsResponse, error) {
	var v fault.Violations
	name := planName(&v, "parent", request.GetParent())
	listed := []string{"events", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	events, after, err := s.store.Events(ctx, name, page)
	if err != nil {
		return nil, err
	}
	return &planv1.ListPlanEventsResponse{
		PlanEvents:    list(events, func(e *plan.Event) *planv1.PlanEvent { return wireEvent(name, e) }),
		NextPageToken: listing.Token(after, listed...),
	}, nil
}

// actions are the history's actions by the calls that they come of.
var actions = map[plan.Action]planv1.PlanEvent_Action{
	plan.CreatePlan: planv1.PlanEvent_CREATE_PLAN, plan.SubmitPlan: planv1.PlanEvent_SUBMIT_PLAN, plan.StartReview: planv1.PlanEvent_START_REVIEW,
	plan.ApprovePlan: planv1.PlanEvent_APPROVE_PLAN, plan.RequestAction: planv1.PlanEvent_REQUEST_ACTION,
	plan.RejectPlan: planv1.PlanEvent_REJECT_PLAN, plan.ReopenPlan: planv1.PlanEvent_REOPEN_PLAN,
	plan.CreateLimitChange:  planv1.PlanEvent_REQUEST_LIMIT_CHANGE,
	plan.ApproveLimitChange: planv1.PlanEvent_APPROVE_LIMIT_CHANGE, plan.RejectLimitChange: planv1.PlanEvent_REJECT_LIMIT_CHANGE,
}

func wireEvent(name plan.Name, e *plan.Event) *planv1.PlanEvent {
	return &planv1.PlanEvent{
		Name: name.Event(e.Number), Time: rpc.WireTime(e.Time), Actor: e.Actor, ActorRole: authv1.Role(authv1.Role_value[e.Role]), Action: actions[e.Action],
		FromState: wireState(e.From), ToState: wireState(e.To), Comment: e.Comment,
		Limit: money.ToWire(e.Limit), EffectiveMonth: e.EffectiveMonth.String(),
	}
}
