package planstore

import (
	"context"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// A Load is new enrollments and plans, whose partners all lie in one partition.
type Load struct {
	Enrollments []*plan.Enrollment
	Plans       []*plan.Plan
}

// Load stores a load in one commit, with the plans' events, notifications and places in the indexes. It does not look
// at what is there: it is for a store that holds none of it.
func (s *Store) Load(ctx context.Context, load Load) error {
	var b store.Batch
	var p store.Partition
	for _, e := range load.Enrollments {
		p = s.of(e.Partner)
		data, err := encode(e)
		if err != nil {
			return err
		}
		b.Put(enrollmentKey(e.Partner, e.Program), data)
	}
	for _, each := range load.Plans {
		if err := write(&b, nil, each); err != nil {
			return err
		}
	}
	return s.db.Commit(ctx, p, &b)
}
