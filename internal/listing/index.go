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
	indexChunk = 250
)

// ByIndex lists what the entries of an index lead to: q lists the index, and find returns what is listed of all that some of
// its entries lead to, in their order, and how many bytes that was in the store. What has moved on since the index was read is
// find's to leave out. Pages are no longer than those of [List], but for what one find returns.
func ByIndex[Entry, T any](
	ctx context.Context, q Query[Entry], find func([]Entry) (items []T, bytes int, err error),
) (items []T, after string, err error) {
	size, total := q.Page.Size, 0
	for range indexRounds {
		q.Page.Size = size - len(items)
		entries, ids, next, err := q.withIDs(ctx)
		if err != nil {
			return nil, "", err
		}
		followed := 0
		for chunk := range slices.Chunk(entries, indexChunk) {
			found, bytes, err := find(chunk)
			if err != nil {
				return nil, "", err
			}
			items, total, followed = append(items, found...), total+bytes, followed+len(chunk)
			if total >= byteBudget && followed < len(entries) {
				return items, ids[followed-1], nil
			}
		}
		q.Page.After, after = next, next
		if after == "" || len(items) == size || total >= byteBudget {
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
