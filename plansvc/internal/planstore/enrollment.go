package planstore

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func enrollmentKey(partner, program string) store.Key {
	return store.Key{Collection: enrollments, ID: partner + "/" + program}
}

func (s *Store) enrollment(partner, program string) place {
	return place{s.of(partner), enrollmentKey(partner, program)}
}

func noEnrollment(partner, program string) *fault.Error {
	name := (&plan.Enrollment{Partner: partner, Program: program}).Name()
	return fault.New(fault.NotFound, "ENROLLMENT_NOT_FOUND", "there is no enrollment %s", name).With("enrollment", name)
}

// CreateEnrollment stores a new enrollment; ENROLLMENT_EXISTS where the partner is enrolled.
func (s *Store) CreateEnrollment(ctx context.Context, e *plan.Enrollment) error {
	return create(ctx, s.db, s.enrollment(e.Partner, e.Program), e,
		fault.New(fault.Exists, "ENROLLMENT_EXISTS", "there is an enrollment %s already", e.Name()).With("enrollment", e.Name()))
}

// Enrollment returns an enrollment; ENROLLMENT_NOT_FOUND.
func (s *Store) Enrollment(ctx context.Context, partner, program string) (*plan.Enrollment, error) {
	e, err := get[plan.Enrollment](ctx, s.db, s.enrollment(partner, program))
	if err == nil && e == nil {
		return nil, noEnrollment(partner, program)
	}
	return e, err
}

// UpdateEnrollment changes an enrollment by fn; ENROLLMENT_NOT_FOUND.
func (s *Store) UpdateEnrollment(ctx context.Context, partner, program string, fn func(*plan.Enrollment) error) (*plan.Enrollment, error) {
	return update(ctx, s.db, s.enrollment(partner, program), noEnrollment(partner, program), fn)
}

// DeleteEnrollment deletes an enrollment where fn allows it; ENROLLMENT_NOT_FOUND.
func (s *Store) DeleteEnrollment(ctx context.Context, partner, program string, fn func(*plan.Enrollment) error) error {
	at := s.enrollment(partner, program)
	return store.Update(ctx, s.db, at.read(), func(values [][]byte, b *store.Batch) error {
		if values[0] == nil {
			return noEnrollment(partner, program)
		}
		e, err := decode[plan.Enrollment](at.key, values[0])
		if err != nil {
			return err
		}
		b.Delete(at.key)
		return fn(e)
	})
}

// Enrollments lists a partner's enrollments, or all where partner is empty, by
// name, and returns the cursor of the next page.
func (s *Store) Enrollments(ctx context.Context, partner string, page listing.Page) ([]*plan.Enrollment, string, error) {
	q := listing.Query[*plan.Enrollment]{DB: s.db, Collection: enrollments, Page: page, Read: reader[plan.Enrollment](enrollments)}
	q.Partitions, q.Prefix = s.scope(partner)
	return listing.List(ctx, q)
}

// scope is where a partner's entries lie, and how their ids begin; everywhere where partner is empty.
func (s *Store) scope(partner string) ([]store.Partition, string) {
	if partner == "" {
		return listing.All(s.db), ""
	}
	return []store.Partition{s.of(partner)}, partner + "/"
}
