package store

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A Part is a batch and the partition that it is for.
type Part struct {
	Partition Partition
	Batch     *Batch
}

// An AllCommitter is a DB that can do better for many parts than as many Commits at once.
type AllCommitter interface {
	// CommitAll is what the function of that name does.
	CommitAll(ctx context.Context, parts []Part) []error
}

// CommitAll applies each part as DB.Commit does, and returns what that returns for each, in their order. What becomes of
// one has no bearing on another, and two of one partition are applied in either order. It returns when it is known of all.
func CommitAll(ctx context.Context, db DB, parts []Part) []error {
	if all, ok := db.(AllCommitter); ok {
		return all.CommitAll(ctx, parts)
	}
	if len(parts) == 1 {
		return []error{db.Commit(ctx, parts[0].Partition, parts[0].Batch)}
	}
	errs := make([]error, len(parts))
	var group errgroup.Group
	for i, part := range parts {
		group.Go(func() error {
			defer fault.Recovered(&errs[i], "a commit") // nobody else would
			errs[i] = db.Commit(ctx, part.Partition, part.Batch)
			return nil
		})
	}
	_ = group.Wait() // never fails
	return errs
}
