package planrpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const enrollmentPattern = "partners/{mpn_id}/enrollments/{program}"

// CreateEnrollment enrolls a partner in a program.
func (s *Server) CreateEnrollment(ctx context.Context, request *planv1.CreateEnrollmentRequest) (*planv1.Enrollment, error) {
	var v fault.Violations
	mpn := partner(&v, request.GetParent(), false)
	content := plan.EnrollmentContent{AdminEmails: request.GetEnrollment().GetAdminEmails()}
	plan.CheckID(&v, "enrollment_id", request.GetEnrollmentId())
	e, err := plan.NewEnrollment(s.call(ctx, &v, ""), mpn, request.GetEnrollmentId(), content)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Program(ctx, e.Program); err != nil {
		return nil, err
	}
	if err := s.store.CreateEnrollment(ctx, e); err != nil {
		return nil, err
	}
	return wireEnrollment(e), nil
}

// GetEnrollment returns an enrollment.
func (s *Server) GetEnrollment(ctx context.Context, request *planv1.GetEnrollmentRequest) (*planv1.Enrollment, error) {
	var v fault.Violations
	name := rpc.Name(&v, "name", enrollmentPattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	e, err := s.store.Enrollment(ctx, name[0], name[1])
	if err != nil {
		return nil, err
	}
	return wireEnrollment(e), nil
}

// ListEnrollments lists enrollments by name.
func (s *Server) ListEnrollments(ctx context.Context, request *planv1.ListEnrollmentsRequest) (*planv1.ListEnrollmentsResponse, error) {
	var v fault.Violations
	mpn := auth.From(ctx).Among(&v, "parent", partner(&v, request.GetParent(), true))
	listed := []string{"enrollments", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	enrollments, after, err := s.store.Enrollments(ctx, mpn, page)
	if err != nil {
		return nil, err
	}
	return &planv1.ListEnrollmentsResponse{
		Enrollments: list(enrollments, wireEnrollment), NextPageToken: listing.Token(after, listed...),
	}, nil
}

// UpdateEnrollment changes an enrollment.
func (s *Server) UpdateEnrollment(ctx context.Context, request *planv1.UpdateEnrollmentRequest) (*planv1.Enrollment, error) {
	var v fault.Violations
	name := rpc.Name(&v, "enrollment.name", enrollmentPattern, request.GetEnrollment().GetName())
	given, set := changed(&v, request.GetUpdateMask(), request.GetEnrollment())
	content, etag := plan.EnrollmentContent{AdminEmails: given.GetAdminEmails()}, request.GetEnrollment().GetEtag()
	if name[0] == "" {
		return nil, s.call(ctx, &v, etag).Unnamed("enrollment", content, set)
	}
	e, err := s.store.UpdateEnrollment(ctx, name[0], name[1], func(e *plan.Enrollment) error {
		next := e.EnrollmentContent
		pick(set, "admin_emails", &next.AdminEmails, content.AdminEmails)
		return e.Update(s.call(ctx, &v, etag), next)
	})
	if err != nil {
		return nil, err
	}
	return wireEnrollment(e), nil
}

// DeleteEnrollment ends an enrollment.
func (s *Server) DeleteEnrollment(ctx context.Context, request *planv1.DeleteEnrollmentRequest) (*emptypb.Empty, error) {
	var v fault.Violations
	name := rpc.Name(&v, "name", enrollmentPattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.store.DeleteEnrollment(ctx, name[0], name[1], func(e *plan.Enrollment) error {
		return e.MayDelete(s.call(ctx, &v, request.GetEtag()))
	})
}

func wireEnrollment(e *plan.Enrollment) *planv1.Enrollment {
	return &planv1.Enrollment{
		Name: e.Name(), AdminEmails: e.AdminEmails, CreateTime: rpc.WireTime(e.CreateTime), UpdateTime: rpc.WireTime(e.UpdateTime), Etag: e.Etag(),
	}
}
