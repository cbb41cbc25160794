package listing

import "context"

// indexRounds is how often a page goes back to the index for more, where some of what it led to is not listed.
const indexRounds = 10

// ByIndex lists what the entries of an index lead to: q lists the index, and find returns what is listed of all that one page of
// it leads to, in its order. What has moved on since the index was read is find's to leave out. Pages end as those of [List] do.
func ByIndex[Entry, T any](ctx context.Context, q Query[Entry], find func([]Entry) ([]T, error)) (items []T, after string, err error) {
	size := q.Page.Size
	for range indexRounds {
		q.Page.Size = size - len(items)
		entries, next, err := List(ctx, q)
		if err != nil {
			return nil, "", err
		}
		found, err := find(entries)
		if err != nil {
			return nil, "", err
		}
		items = append(items, found...)
		q.Page.After, after = next, next
		if after == "" || len(items) == size {
			break
		}
	}
	return items, after, nil
}
