package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const limitChangePattern = "limitChanges/{limit_change}"

// CreateLimitChange asks for another limit.
func (s *Server) CreateLimitChange(ctx context.Context, request *planv1.CreateLimitChangeRequest) (*planv1.LimitChange, error) {
	var v fault.Violations
	name := planName(&v, "parent", request.GetParent())
	given := request.GetLimitChange()
	content := plan.LimitChangeContent{NewLimit: money.FromWire(v.In("limit_change"), "new_limit", given.GetNewLimit()), Reason: given.GetReason()}
	id := newID(request.GetLimitChangeId())
	plan.CheckID(&v, "limit_change_id", id)
	if name.Partner == "" {
		return nil, s.call(ctx, &v, "").Unnamed("limit_change", content, nil)
	}
	return s.limitChange(ctx, name, id, func(p *plan.Plan, program *plan.Program, e *plan.Enrollment) error {
		if err := plan.CheckEnrolled(e, name.Program); err != nil {
			return err
		}
		return p.RequestLimitChange(s.call(ctx, &v, ""), program, id, content)
	})
}

// limitChange makes a change, and returns the limit change that it is about.
func (s *Server) limitChange(
	ctx context.Context, name plan.Name, id string, fn func(*plan.Plan, *plan.Program, *plan.Enrollment) error,
) (*planv1.LimitChange, error) {
	p, _, err := s.changePlan(ctx, name, fn)
	if err != nil {
		return nil, err
	}
	change, err := p.LimitChange(id)
	if err != nil {
		return nil, err
	}
	return wireLimitChange(name, change), nil
}

// GetLimitChange returns a limit change.
func (s *Server) GetLimitChange(ctx context.Context, request *planv1.GetLimitChangeRequest) (*planv1.LimitChange, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", limitChangePattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	change, err := p.LimitChange(ids[0])
	if err != nil {
		return nil, err
	}
	return wireLimitChange(name, change), nil
}

// ListLimitChanges lists a plan's limit changes, oldest first.
func (s *Server) ListLimitChanges(ctx context.Context, request *planv1.ListLimitChangesRequest) (*planv1.ListLimitChangesResponse, error) {
	var v fault.Violations
	name := planName(&v, "parent", request.GetParent())
	listed := []string{"limitChanges", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	changes, after := listing.Slice(p.LimitChanges, page, func(c plan.LimitChange) string { return c.ID })
	return &planv1.ListLimitChangesResponse{
		LimitChanges:  list(changes, func(c plan.LimitChange) *planv1.LimitChange { return wireLimitChange(name, &c) }),
		NextPageToken: listing.Token(after, listed...),
	}, nil
}

// ApproveLimitChange approves a limit change.
func (s *Server) ApproveLimitChange(ctx context.Context, request *planv1.ApproveLimitChangeRequest) (*planv1.LimitChange, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", limitChangePattern, request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.ApproveLimitChange)
	}
	return s.limitChange(ctx, name, ids[0], func(p *plan.Plan, program *plan.Program, e *plan.Enrollment) error {
		return p.ApproveLimitChange(s.move(ctx, &v, request), program, ids[0], admins(e))
	})
}

// RejectLimitChange rejects a limit change.
func (s *Server) RejectLimitChange(ctx context.Context, request *planv1.RejectLimitChangeRequest) (*planv1.LimitChange, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", limitChangePattern, request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.RejectLimitChange)
	}
	return s.limitChange(ctx, name, ids[0], func(p *plan.Plan, _ *plan.Program, e *plan.Enrollment) error {
		return p.RejectLimitChange(s.move(ctx, &v, request), ids[0], admins(e))
	})
}

func wireLimitChange(name plan.Name, c *plan.LimitChange) *planv1.LimitChange {
	return &planv1.LimitChange{
		Name: name.LimitChange(c.ID), NewLimit: money.ToWire(c.NewLimit), Reason: c.Reason,
		State:          planv1.LimitChange_State(planv1.LimitChange_State_value[string(c.State)]),
		EffectiveMonth: c.EffectiveMonth.String(), DecisionComment: c.DecisionComment,
		CreateTime: rpc.WireTime(c.CreateTime), DecideTime: rpc.WireTime(c.DecideTime), Etag: c.Etag(),
	}
}
