package planstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

// A Store keeps programs, enrollments and plans. Its methods return the
// refusals of the domain as they are, NOT_FOUND and EXISTS of their own, and
// else the errors of store.DB.
type Store struct {
	db store.DB
}

// New is a Store in db.
func New(db store.DB) *Store { return &Store{db: inTurns{db}} }

// Ready returns nil where the store answers.
func (s *Store) Ready(ctx context.Context) error {
	_, err := s.db.Get(ctx, 0, store.Key{Collection: programs})
	return err
}

// The collections; doc.go says what is in them.
const (
	programs        = "programs"
	enrollments     = "enrollments"
	plans           = "plans"
	standings       = "standings"
	events          = "events"
	outbox          = "outbox"
	plansByState    = "plans_by_state"
	plansByReviewer = "plans_by_reviewer"
)

// of is the partition that holds all of a partner.
func (s *Store) of(partner string) store.Partition {
	return store.PartitionOf(partner, s.db.Partitions())
}

// encode is v as it is stored.
func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}

// decode reads what encode made of a T. Its error names the key, since then
// the store is damaged.
func decode[T any](key store.Key, value []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(value, v); err != nil {
		return nil, fmt.Errorf("decode %s %q: %w", key.Collection, key.ID, err)
	}
	return v, nil
}

// get reads one value, nil where there is none.
func get[T any](ctx context.Context, db store.DB, at place) (*T, error) {
	values, err := db.Get(ctx, at.partition, at.key)
	if err != nil || values[0] == nil {
		return nil, err
	}
	return decode[T](at.key, values[0])
}

// A place is where one value lies.
type place struct {
	partition store.Partition
	key       store.Key
}

// read is what an update of the value depends on.
func (at place) read() store.Read {
	return store.Read{Partition: at.partition, Keys: []store.Key{at.key}}
}

// create stores a value in a place that has none; exists is returned where it has one.
func create(ctx context.Context, db store.DB, at place, v any, exists *fault.Error) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	return store.Update(ctx, db, at.read(), func(values [][]byte, b *store.Batch) error {
		if values[0] != nil {
			return exists
		}
		b.Put(at.key, data)
		return nil
	})
}

// update changes a value by fn; missing is returned where there is none.
func update[T any](ctx context.Context, db store.DB, at place, missing *fault.Error, fn func(*T) error) (*T, error) {
	var changed *T
	err := store.Update(ctx, db, at.read(), func(values [][]byte, b *store.Batch) error {
		if values[0] == nil {
			return missing
		}
		v, err := decode[T](at.key, values[0])
		if err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
		data, err := encode(v)
		if err != nil {
			return err
		}
		b.Put(at.key, data)
		changed = v
		return nil
	})
	return changed, err
}
