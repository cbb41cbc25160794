package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A moving is the request of a call that moves a plan or decides on a limit.
type moving interface {
	GetName() string
	GetEtag() string
}

// move is the call of a move: with the etag and, where it can have one, the comment.
func (s *Server) move(ctx context.Context, v *fault.Violations, request moving) plan.Call {
	call := s.call(ctx, v, request.GetEtag())
	if commented, ok := request.(interface{ GetComment() string }); ok {
		call.Comment = commented.GetComment()
	}
	return call
}

// SubmitPlan submits a plan.
func (s *Server) SubmitPlan(ctx context.Context, request *planv1.SubmitPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.SubmitPlan)
	}
	if request.GetValidateOnly() {
		return s.validateSubmit(ctx, name, s.move(ctx, &v, request))
	}
	return s.byPartner(ctx, name, func(p *plan.Plan, program *plan.Program) error { return p.Submit(s.move(ctx, &v, request), program) })
}

// validateSubmit answers as submitting would, and changes nothing: what it
// submits is not stored (AIP-163).
func (s *Server) validateSubmit(ctx context.Context, name plan.Name, call plan.Call) (*planv1.Plan, error) {
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Enrollment(ctx, name.Partner, name.Program)
	if fault.KindOf(err) == fault.NotFound {
		err = plan.NoProgram(name.Program)
	}
	if err != nil {
		return nil, err
	}
	program, err := s.store.Program(ctx, name.Program)
	if err != nil {
		return nil, err
	}
	if err := p.Submit(call, program); err != nil {
		return nil, err
	}
	return wirePlan(p, program), nil
}

// StartReview takes a plan under review.
func (s *Server) StartReview(ctx context.Context, request *planv1.StartReviewRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.StartReview)
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, _ *plan.Enrollment) error {
		return p.StartReview(s.move(ctx, &v, request))
	})
}

// ApprovePlan approves a plan.
func (s *Server) ApprovePlan(ctx context.Context, request *planv1.ApprovePlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	limit := money.FromWire(&v, "approved_limit", request.GetApprovedLimit())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.ApprovePlan)
	}
	return s.change(ctx, name, func(p *plan.Plan, program *plan.Program, e *plan.Enrollment) error {
		return p.Approve(s.move(ctx, &v, request), program, admins(e), limit)
	})
}

// RequestAction sends a plan back to the partner.
func (s *Server) RequestAction(ctx context.Context, request *planv1.RequestActionRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.RequestAction)
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, e *plan.Enrollment) error {
		return p.RequestAction(s.move(ctx, &v, request), admins(e))
	})
}

// RejectPlan rejects a plan.
func (s *Server) RejectPlan(ctx context.Context, request *planv1.RejectPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.RejectPlan)
	}
	return s.change(ctx, name, func(p *plan.Plan, _ *plan.Program, e *plan.Enrollment) error {
		return p.Reject(s.move(ctx, &v, request), admins(e))
	})
}

// ReopenPlan takes a plan back to editing.
func (s *Server) ReopenPlan(ctx context.Context, request *planv1.ReopenPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if name.Partner == "" {
		return nil, s.move(ctx, &v, request).UnnamedMove(plan.ReopenPlan)
	}
	return s.byPartner(ctx, name, func(p *plan.Plan, program *plan.Program) error { return p.Reopen(s.move(ctx, &v, request), program) })
}
