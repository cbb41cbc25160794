package planstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestPrograms_RoundTrip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		got, err := w.Program(t.Context(), "azure")
		must(t, err)
		same(t, "the program that was read", got, w.program)

		refused(t, "creating it again", w.CreateProgram(t.Context(), newProgram(t, w.call(), "azure")), fault.Exists, "PROGRAM_EXISTS")
		_, err = w.Program(t.Context(), "nope")
		refused(t, "reading what is not there", err, fault.NotFound, "PROGRAM_NOT_FOUND")
		_, err = w.UpdateProgram(t.Context(), "nope", func(*plan.Program) error { return nil })
		refused(t, "changing what is not there", err, fault.NotFound, "PROGRAM_NOT_FOUND")

		_, err = w.UpdateProgram(t.Context(), "azure", func(p *plan.Program) error {
			p.DisplayName = "dropped"
			return fault.New(fault.Conflict, "ETAG_MISMATCH", "no")
		})
		refused(t, "a change that the domain refuses", err, fault.Conflict, "ETAG_MISMATCH")
		got, err = w.Program(t.Context(), "azure")
		must(t, err)
		same(t, "the program after a refusal", got, w.program)

		changed, err := w.UpdateProgram(t.Context(), "azure", func(p *plan.Program) error {
			next := p.ProgramContent
			next.DisplayName = "Azure!"
			return p.Update(w.call(), next)
		})
		must(t, err)
		got, err = w.Program(t.Context(), "azure")
		must(t, err)
		same(t, "the program after a change", got, changed)
		if got.DisplayName != "Azure!" {
			t.Errorf("display name %q, want the changed one", got.DisplayName)
		}
	})
}

func TestPrograms_ListedByName(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		for _, id := range []string{"z", "b", "b-1", "b1", "a"} {
			must(t, w.CreateProgram(t.Context(), newProgram(t, w.call(), id)))
		}
		var got []string
		for page := (listing.Page{Size: 2}); ; {
			programs, after, err := w.Programs(t.Context(), page)
			must(t, err)
			for _, p := range programs {
				got = append(got, p.ID)
			}
			if page.After = after; after == "" {
				break
			}
		}
		same(t, "programs, two a page", got, []string{"a", "azure", "b", "b-1", "b1", "z"})
	})
}

func TestEnrollments_RoundTrip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		e, err := w.Enrollment(t.Context(), "p1", "azure")
		must(t, err)
		same(t, "the enrollment's admins", e.AdminEmails, []string{"admin@p1.example"})

		refused(t, "enrolling again", w.CreateEnrollment(t.Context(), e), fault.Exists, "ENROLLMENT_EXISTS")
		_, err = w.Enrollment(t.Context(), "p1", "nope")
		refused(t, "reading what is not there", err, fault.NotFound, "ENROLLMENT_NOT_FOUND")
		_, err = w.UpdateEnrollment(t.Context(), "p1", "nope", func(*plan.Enrollment) error { return nil })
		refused(t, "changing what is not there", err, fault.NotFound, "ENROLLMENT_NOT_FOUND")
		err = w.DeleteEnrollment(t.Context(), "p1", "nope", func(*plan.Enrollment) error { return nil })
		refused(t, "deleting what is not there", err, fault.NotFound, "ENROLLMENT_NOT_FOUND")

		changed, err := w.UpdateEnrollment(t.Context(), "p1", "azure", func(e *plan.Enrollment) error {
			return e.Update(w.call(), plan.EnrollmentContent{AdminEmails: []string{"new@p1.example"}})
		})
		must(t, err)
		e, err = w.Enrollment(t.Context(), "p1", "azure")
		must(t, err)
		same(t, "the enrollment after a change", e, changed)

		err = w.DeleteEnrollment(t.Context(), "p1", "azure", func(e *plan.Enrollment) error {
			return e.MayDelete(plan.Call{Etag: "0-old"})
		})
		refused(t, "deleting another than was read", err, fault.Conflict, "ETAG_MISMATCH")
		must(t, w.DeleteEnrollment(t.Context(), "p1", "azure", func(e *plan.Enrollment) error { return e.MayDelete(w.call()) }))
		_, err = w.Enrollment(t.Context(), "p1", "azure")
		refused(t, "reading what was deleted", err, fault.NotFound, "ENROLLMENT_NOT_FOUND")
	})
}

func TestEnrollments_ListedByName(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		other, err := plan.NewEnrollment(w.call(), "p1", "aws", plan.EnrollmentContent{})
		must(t, err)
		must(t, w.CreateEnrollment(t.Context(), other))
		for partner, want := range map[string][]string{
			"":     {"partners/p1-a/enrollments/azure", "partners/p1/enrollments/aws", "partners/p1/enrollments/azure", "partners/p10/enrollments/azure", "partners/p2/enrollments/azure"},
			"p1":   {"partners/p1/enrollments/aws", "partners/p1/enrollments/azure"},
			"p1-a": {"partners/p1-a/enrollments/azure"},
			"p":    nil,
		} {
			var got []string
			for page := (listing.Page{Size: 2}); ; {
				enrollments, after, err := w.Enrollments(t.Context(), partner, page)
				must(t, err)
				for _, e := range enrollments {
					got = append(got, e.Name())
				}
				if page.After = after; after == "" {
					break
				}
			}
			same(t, "enrollments of "+partner+", two a page", got, want)
		}
	})
}

func TestReady(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		if err := w.Ready(t.Context()); err != nil {
			t.Errorf("an open store: %v, want it ready", err)
		}
		must(t, w.db.Close())
		if err := w.Ready(context.Background()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a closed store: %v, want its error", err)
		}
	})
}
