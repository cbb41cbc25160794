package planstore

import (
	"context"
	"slices"

	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/store"
)

// largeValue is what a plan takes, in bytes, from which on reading it has to wait for its turn. The largest plan that the rules allow takes forty
// times as much, and a processor for some fifty milliseconds; a usual one is a tenth of it.
const largeValue = 64 << 10

// fewStandings is how many plans' standings are read without a turn. Services that ask for a whole program are not limited, and have no turns.
const fewStandings = 64

// inTurns is a store of which large plans are read few at once, those of each caller in their turn: somebody who reads or changes nothing but
// these, as often as its rate allows, would leave others no processor.
type inTurns struct{ store.DB }

// Get implements [store.DB].
func (d inTurns) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	if !slices.ContainsFunc(keys, func(key store.Key) bool { return key.Collection == plans }) {
		return d.DB.Get(ctx, p, keys...)
	}
	return inTurn(ctx, func() ([][]byte, error) { return d.DB.Get(ctx, p, keys...) }, func(value []byte) int { return len(value) })
}

// Scan implements [store.DB].
func (d inTurns) Scan(ctx context.Context, p store.Partition, collection, from string, most int) ([]store.Entry, error) {
	if collection != plans {
		return d.DB.Scan(ctx, p, collection, from, most)
	}
	return inTurn(ctx, func() ([]store.Entry, error) { return d.DB.Scan(ctx, p, collection, from, most) }, func(e store.Entry) int { return len(e.Value) })
}

// inTurn reads, and where that finds something large, reads it again when it is the call's turn.
func inTurn[T any](ctx context.Context, read func() ([]T, error), size func(T) int) ([]T, error) {
	scan := limit.ScanOf(ctx)
	if err := scan.Begin(ctx); err != nil {
		return nil, err
	}
	for {
		found, err := read()
		if err != nil || !slices.ContainsFunc(found, func(one T) bool { return size(one) > largeValue }) || scan.Large() {
			return found, err
		}
		clear(found) // else it would be held while the call waits
		if err := scan.Turn(ctx); err != nil {
			return nil, err
		}
	}
}
