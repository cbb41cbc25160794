package redisstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/incentives-dev/incentives/internal/store"
)

// Get implements store.DB.
func (db *DB) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	if err := db.enter(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	var collections []string
	wanted := map[string][]int{} // the places of each collection's keys
	for i, key := range keys {
		if wanted[key.Collection] == nil {
			if err := store.CheckCollection(key.Collection); err != nil {
				return nil, err
			}
			collections = append(collections, key.Collection)
		}
		wanted[key.Collection] = append(wanted[key.Collection], i)
	}
	c := call{script: db.scripts.get, args: make([]any, 0, len(keys)+len(collections))}
	order := make([]int, 0, len(keys))
	for _, collection := range collections {
		c.keys = append(c.keys, db.valuesKey(p, collection))
		c.args = append(c.args, len(wanted[collection]))
		for _, i := range wanted[collection] {
			c.args = append(c.args, keys[i].ID)
		}
		order = append(order, wanted[collection]...)
	}
	if len(keys) == 0 {
		return [][]byte{}, nil
	}
	found, err := db.list(ctx, p, c)
	if err != nil {
		return nil, err
	}
	if len(found) != len(order) {
		return nil, unavailable(fmt.Errorf("%d values for %d keys", len(found), len(order)))
	}
	values := make([][]byte, len(keys))
	for i, place := range order {
		if text, ok := found[i].(string); ok {
			values[place] = []byte(text)
		}
	}
	return values, nil
}

// Scan implements store.DB.
func (db *DB) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	if err := db.enter(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	if err := store.CheckCollection(collection); err != nil || limit <= 0 {
		return nil, err
	}
	start := "-"
	if from != "" {
		start = "[" + from
	}
	values := db.valuesKey(p, collection)
	found, err := db.list(ctx, p, call{script: db.scripts.scan, keys: []string{values, idsKey(values)}, args: []any{start, limit}})
	if err != nil {
		return nil, err
	}
	entries := make([]store.Entry, 0, len(found)/2)
	for i := 0; i+1 < len(found); i += 2 {
		id, isID := found[i].(string)
		value, isValue := found[i+1].(string)
		if !isID || !isValue {
			return nil, unavailable(fmt.Errorf("%s lists %q, and %s has no value for it", idsKey(values), id, values))
		}
		entries = append(entries, store.Entry{ID: id, Value: []byte(value)})
	}
	return entries, nil
}

// Collections implements store.DB.
func (db *DB) Collections(ctx context.Context, p store.Partition) ([]string, error) {
	if err := db.enter(ctx, p); err != nil {
		return nil, err
	}
	defer db.exit()
	found, err := db.list(ctx, p, call{script: db.scripts.collections, keys: []string{db.tag(p)}})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i, name := range found {
		names[i] = fmt.Sprint(name)
	}
	slices.Sort(names)
	return names, nil
}

// list makes a call whose answer is a list.
func (db *DB) list(ctx context.Context, p store.Partition, c call) ([]any, error) {
	answer, err := db.run(ctx, p, c)
	if err != nil {
		return nil, err
	}
	found, ok := answer.([]any)
	if !ok {
		return nil, unavailable(fmt.Errorf("%T is no list", answer))
	}
	return found, nil
}
