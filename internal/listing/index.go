package listing

import (
	"context"
	"slices"

	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// indexRounds is how often a page goes back to the index for more, where some of what it led to is not listed.
	indexRounds = 10
	// indexChunk is how many entries of an index are followed at once, before the size of what they led to is looked at.
	indexChunk = 32
)

// A Found is what an entry of an index leads to.
type Found[T any] struct {
	Item  T
	Keep  bool // it is listed: it has not moved on since the index was read
	Bytes int  // that it takes in the store
}

// ByIndex lists what the entries of an index lead to: q lists the index, and find returns what some of its entries lead to,
// in their order. Pages end as those of [List] do.
func ByIndex[Entry, T any](
	ctx context.Context, q Query[Entry], find func([]Entry) ([]Found[T], error),
) (items []T, after string, err error) {
	size, bytes := q.Page.Size, 0
	for range indexRounds {
		q.Page.Size = size - len(items)
		entries, ids, next, err := q.withIDs(ctx)
		if err != nil {
			return nil, "", err
		}
		followed := 0
		for chunk := range slices.Chunk(entries, indexChunk) {
			found, err := find(chunk)
			if err != nil {
				return nil, "", err
			}
			for _, f := range found {
				followed++
				if !f.Keep {
					continue
				}
				items = append(items, f.Item)
				if bytes += f.Bytes; bytes >= byteBudget && (followed < len(entries) || next != "") {
					return items, ids[followed-1], nil
				}
			}
		}
		q.Page.After, after = next, next
		if after == "" || len(items) == size {
			break
		}
	}
	return items, after, nil
}

// withIDs lists as List does, and says under which ids the items were found.
func (q Query[T]) withIDs(ctx context.Context) (items []T, ids []string, after string, err error) {
	read := q.Read
	q.Read = func(entry store.Entry) (T, bool, error) {
		item, keep, err := read(entry)
		if keep && err == nil {
			ids = append(ids, entry.ID)
		}
		return item, keep, err
	}
	items, after, err = List(ctx, q)
	return items, ids, after, err
}
