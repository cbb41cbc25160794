package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A decision is the request of a call that moves a plan.
type decision interface {
	GetName() string
	GetEtag() string
}

// decide reads what every such call has: the plan, the etag and the comment.
func (s *Server) decide(ctx context.Context, v *fault.Violations, request decision) (plan.Name, plan.Call) {
	call := s.call(ctx, v)
	call.Etag = request.GetEtag()
	if commented, ok := request.(interface{ GetComment() string }); ok {
		call.Comment = commented.GetComment()
	}
	return planName(v, "name", request.GetName()), call
}

// SubmitPlan submits a plan.
func (s *Server) SubmitPlan(ctx context.Context, request *planv1.SubmitPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	if name.Partner == "" {
		return nil, v.Err()
	}
	if request.GetValidateOnly() {
		return s.validateSubmit(ctx, name, call)
	}
	return s.byPartner(ctx, name, func(p *plan.Plan, program *plan.Program) error { return p.Submit(call, program) })
}

// validateSubmit answers as submitting would, and changes nothing.
func (s *Server) validateSubmit(ctx context.Context, name plan.Name, call plan.Call) (*planv1.Plan, error) {
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Enrollment(ctx, name.Partner, name.Program); err != nil {
		return nil, plan.CheckEnrolled(nil, name.Program)
	}
	program, err := s.store.Program(ctx, name.Program)
	if err != nil {
		return nil, err
	}
	if err := p.CheckSubmit(call, program); err != nil {
		return nil, err
	}
	return wirePlan(p, program), nil
}

// StartReview takes a plan under review.
func (s *Server) StartReview(ctx context.Context, request *planv1.StartReviewRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	if name.Partner == "" {
		return nil, v.Err()
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, _ *plan.Enrollment) error { return p.StartReview(call) })
}

// ApprovePlan approves a plan.
func (s *Server) ApprovePlan(ctx context.Context, request *planv1.ApprovePlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	limit := money.FromWire(&v, "approved_limit", request.GetApprovedLimit())
	if name.Partner == "" {
		return nil, v.Err()
	}
	return s.change(ctx, name, func(p *plan.Plan, program *plan.Program, e *plan.Enrollment) error {
		return p.Approve(call, program, admins(e), limit)
	})
}

// RequestAction sends a plan back to the partner.
func (s *Server) RequestAction(ctx context.Context, request *planv1.RequestActionRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	if name.Partner == "" {
		return nil, v.Err()
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, e *plan.Enrollment) error { return p.RequestAction(call, admins(e)) })
}

// RejectPlan rejects a plan.
func (s *Server) RejectPlan(ctx context.Context, request *planv1.RejectPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	if name.Partner == "" {
		return nil, v.Err()
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, e *plan.Enrollment) error { return p.Reject(call, admins(e)) })
}

// ReopenPlan takes a plan back to editing.
func (s *Server) ReopenPlan(ctx context.Context, request *planv1.ReopenPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name, call := s.decide(ctx, &v, request)
	if name.Partner == "" {
		return nil, v.Err()
	}
	return s.byPartner(ctx, name, func(p *plan.Plan, program *plan.Program) error { return p.Reopen(call, program) })
}
