package planrpc_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestEnrollments(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	got, err := w.GetEnrollment(t.Context(), &planv1.GetEnrollmentRequest{Name: enrollment})
	must(t, err)
	equal(t, "the enrollment", got, &planv1.Enrollment{
		Name: enrollment, AdminEmails: []string{"admin@partner.example"}, CreateTime: got.GetCreateTime(), UpdateTime: got.GetCreateTime(), Etag: got.GetEtag(),
	})
	if !got.GetCreateTime().IsValid() || got.GetEtag() == "" {
		t.Errorf("created at %v with etag %q, want both", got.GetCreateTime(), got.GetEtag())
	}
	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: partner, EnrollmentId: "azure"})
	refused(t, "enrolling again", err, as{codes.AlreadyExists, "ENROLLMENT_EXISTS"})
	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: partner, EnrollmentId: "nope"})
	refused(t, "enrolling in a program that does not exist", err, as{codes.NotFound, "PROGRAM_NOT_FOUND"})
	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{
		Parent: "partners/-", EnrollmentId: "-", Enrollment: &planv1.Enrollment{AdminEmails: []string{"a@b.example", "nobody", "A@b.example"}},
	})
	refused(t, "everything wrong", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "parent NAME_MALFORMED", "enrollment_id ID_MALFORMED",
		"enrollment.admin_emails[1] EMAIL_MALFORMED", "enrollment.admin_emails[2] DUPLICATE")

	changed, err := w.UpdateEnrollment(t.Context(), &planv1.UpdateEnrollmentRequest{
		Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: []string{"b@partner.example", "c@partner.example"}},
	})
	must(t, err)
	if len(changed.GetAdminEmails()) != 2 || changed.GetEtag() == got.GetEtag() {
		t.Errorf("after the update: %v, want two admins and another etag than %s", changed, got.GetEtag())
	}
	_, err = w.UpdateEnrollment(t.Context(), &planv1.UpdateEnrollmentRequest{Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: []string{"nobody"}}})
	refused(t, "an address that is none", err, as{codes.InvalidArgument, "EMAIL_MALFORMED"}, "enrollment.admin_emails[0]")

	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: "partners/adatum", EnrollmentId: "azure"})
	must(t, err)
	for parent, want := range map[string]int{partner: 1, "partners/-": 2, "partners/nobody": 0} {
		listed, err := w.ListEnrollments(t.Context(), &planv1.ListEnrollmentsRequest{Parent: parent})
		must(t, err)
		if len(listed.GetEnrollments()) != want {
			t.Errorf("%s: %d enrollments, want %d", parent, len(listed.GetEnrollments()), want)
		}
	}

	_, err = w.DeleteEnrollment(t.Context(), &planv1.DeleteEnrollmentRequest{Name: enrollment})
	must(t, err)
	_, err = w.GetEnrollment(t.Context(), &planv1.GetEnrollmentRequest{Name: enrollment})
	refused(t, "reading what was deleted", err, as{codes.NotFound, "ENROLLMENT_NOT_FOUND"})
}
