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
		in := pages{db: db, partition: p, collection: name}
		if name == at.Collection && at.Some {
			in.from = string(at.After) + "\x00"
		}
		for {
			entries, err := in.next(ctx)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				break
			}
			if err := fn(name, entries); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	// firstPage is how many entries of a collection are read at first, when it is not known how large they are.
	firstPage = 16
	// growth is how many times as many are read next at most: those that follow may be larger.
	growth = 8
)

// A pages reads a collection a page at a time: about pageBytes and not more than pageSize entries, since an engine has a
// call wait for all of a page.
type pages struct {
	db         store.DB
	partition  store.Partition
	collection string
	from       string // the id to go on from
	limit      int    // of the next page, 0 at first
}

// next returns the next page, an empty one after the last.
func (r *pages) next(ctx context.Context) ([]store.Entry, error) {
	limit := cmp.Or(r.limit, firstPage)
	entries, err := r.db.Scan(ctx, r.partition, r.collection, r.from, limit)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	size := 1
	for _, entry := range entries {
		size += sizeOf(entry)
	}
	r.from = entries[len(entries)-1].ID + "\x00"
	r.limit = max(1, min(len(entries)*pageBytes/size, growth*limit, pageSize))
	return entries, nil
}

func sizeOf(entry store.Entry) int { return len(entry.ID) + len(entry.Value) }

// A walker goes through the entries of a partition one by one.
type walker struct {
	db        store.DB
	partition store.Partition

	begun   bool
	names   []string      // of the collections that are left, the one at hand first
	at      pages         // of the first of them
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
		w.begun = true
		w.enter(names)
	}
	for len(w.entries) == 0 {
		if len(w.names) == 0 {
			return nil, nil //nolint:nilnil // the end, as said
		}
		if w.names[0] == collection {
			w.enter(w.names[1:])
			continue
		}
		entries, err := w.at.next(ctx)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			w.enter(w.names[1:])
			continue
		}
		w.entries = entries
	}
	next := &found{collection: w.names[0], Entry: w.entries[0]}
	w.entries = w.entries[1:]
	return next, nil
}

// enter goes to the first of some collections.
func (w *walker) enter(names []string) {
	w.names = names
	if len(names) > 0 {
		w.at = pages{db: w.db, partition: w.partition, collection: names[0]}
	}
}
