package storecopy

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// firstPage is how many entries of a collection are read at first, when it is not known how large they are.
	firstPage = 16
	// growth is how many times as many are read next at most: those that follow may be larger.
	growth = 8
)

// A page is entries of one collection.
type page struct {
	collection string
	entries    []store.Entry // at least one
}

// read goes through all entries of a partition, by collection and id, a page at a time, from a place on. What a copy says
// of itself is none of them. An error is the last.
func read(ctx context.Context, db store.DB, p store.Partition, at place) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		names, err := db.Collections(ctx, p)
		if err != nil {
			yield(page{}, err)
			return
		}
		for _, name := range names {
			if name == progressCollection || name < at.Collection {
				continue
			}
			in := pages{db: db, partition: p, collection: name}
			if name == at.Collection && at.Some {
				in.from = string(at.After) + "\x00"
			}
			for {
				entries, err := in.next(ctx)
				if err == nil && len(entries) == 0 {
					break
				}
				if !yield(page{name, entries}, err) || err != nil {
					return
				}
			}
		}
	}
}

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

// walk goes through all entries of a partition one by one. An error is the last.
func walk(ctx context.Context, db store.DB, p store.Partition) iter.Seq2[*found, error] {
	return func(yield func(*found, error) bool) {
		for page, err := range read(ctx, db, p, place{}) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, entry := range page.entries {
				if !yield(&found{page.collection, entry}, nil) {
					return
				}
			}
		}
	}
}
