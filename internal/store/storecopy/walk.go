package storecopy

import (
	"cmp"
	"context"
	"fmt"

	"github.com/incentives-dev/incentives/internal/store"
)

// each calls fn with all entries of a partition, by collection and id, a page at a time, from a place on. What a copy
// says of itself is none of them.
func each(ctx context.Context, db store.DB, p store.Partition, at place, fn func(collection string, entries []store.Entry) error) error {
	names, err := db.Collections(ctx, p)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == collection || name < at.Collection {
			continue
		}
		from := ""
		if name == at.Collection && at.Some {
			from = string(at.After) + "\x00"
		}
		for {
			entries, err := db.Scan(ctx, p, name, from, pageSize)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				break
			}
			if err := fn(name, entries); err != nil {
				return err
			}
			from = entries[len(entries)-1].ID + "\x00"
		}
	}
	return nil
}

// A walker goes through the entries of a partition one by one.
type walker struct {
	db        store.DB
	partition store.Partition

	begun   bool
	names   []string // of the collections that are left, the one at hand first
	from    string
	entries []store.Entry // read ahead
}

// A found is an entry and its collection.
type found struct {
	collection string
	store.Entry
}

func (f *found) String() string { return fmt.Sprintf("%s %q", f.collection, f.ID) }

// before tells whether an entry comes before another one in a store.
func (f *found) before(other *found) bool {
	return cmp.Or(cmp.Compare(f.collection, other.collection), cmp.Compare(f.ID, other.ID)) < 0
}

// next returns the next entry, nil after the last.
func (w *walker) next(ctx context.Context) (*found, error) {
	if !w.begun {
		names, err := w.db.Collections(ctx, w.partition)
		if err != nil {
			return nil, err
		}
		w.names, w.begun = names, true
	}
	for len(w.entries) == 0 {
		if len(w.names) == 0 {
			return nil, nil //nolint:nilnil // the end, as said
		}
		if w.names[0] == collection {
			w.names = w.names[1:]
			continue
		}
		entries, err := w.db.Scan(ctx, w.partition, w.names[0], w.from, pageSize)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			w.names, w.from = w.names[1:], ""
			continue
		}
		w.entries, w.from = entries, entries[len(entries)-1].ID+"\x00"
	}
	next := &found{collection: w.names[0], Entry: w.entries[0]}
	w.entries = w.entries[1:]
	return next, nil
}
