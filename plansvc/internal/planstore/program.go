package planstore

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func (s *Store) program(id string) place {
	return place{store.PartitionOf("programs/"+id, s.db.Partitions()), store.Key{Collection: programs, ID: id}}
}

// CreateProgram stores a new program; PROGRAM_EXISTS where its id is taken.
func (s *Store) CreateProgram(ctx context.Context, program *plan.Program) error {
	return create(ctx, s.db, s.program(program.ID), program,
		fault.New(fault.Exists, "PROGRAM_EXISTS", "there is a program %s already", program.Name()).With("program", program.Name()))
}

// Program returns a program; PROGRAM_NOT_FOUND.
func (s *Store) Program(ctx context.Context, id string) (*plan.Program, error) {
	program, err := get[plan.Program](ctx, s.db, s.program(id))
	if err == nil && program == nil {
		return nil, plan.NoProgram(id)
	}
	return program, err
}

// UpdateProgram changes a program by fn; PROGRAM_NOT_FOUND.
func (s *Store) UpdateProgram(ctx context.Context, id string, fn func(*plan.Program) error) (*plan.Program, error) {
	return update(ctx, s.db, s.program(id), plan.NoProgram(id), fn)
}

// Programs lists programs by id, and returns the cursor of the next page.
func (s *Store) Programs(ctx context.Context, page listing.Page) ([]*plan.Program, string, error) {
	return listing.List(ctx, listing.Query[*plan.Program]{
		DB: s.db, Partitions: listing.All(s.db), Collection: programs, Page: page, Read: reader[plan.Program](programs),
	})
}

// reader keeps every entry of a collection.
func reader[T any](collection string) func(store.Entry) (*T, bool, error) {
	return func(e store.Entry) (*T, bool, error) {
		v, err := decode[T](store.Key{Collection: collection, ID: e.ID}, e.Value)
		return v, true, err
	}
}
