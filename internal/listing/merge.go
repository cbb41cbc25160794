package listing

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// scanBudget is how many entries one page looks at, however many of them are filtered out.
	scanBudget = 10_000
	// byteBudget is how many bytes of values one page returns, so that an answer
	// fits into a message. The last entry may go over it.
	byteBudget = 2 << 20
	// parallelScans is how many partitions are read at once.
	parallelScans = 8
	// mostAtFirst bounds what is read at once of a partition before anything was looked at: as many as any call may look at, so that a large page of
	// a partner who has little costs little. Later chunks are twice as large each, up to chunkBytes.
	mostAtFirst = 64
	// chunkBytes is how many bytes of values a later chunk is to have, by those of the one before it: a filter that finds nothing among large plans
	// would else read a thousand of them at once.
	chunkBytes = 8 << 20
)

// A Query is one page over a collection in one or more partitions. Ids are
// unique over all partitions, and entries are listed in the byte order of them.
type Query[T any] struct {
	DB         store.DB
	Partitions []store.Partition
	Collection string
	Prefix     string // of the ids that are listed
	Page       Page   // its cursor is an id
	// Read turns an entry into what is listed, and tells whether it is kept.
	Read func(entry store.Entry) (item T, keep bool, err error)
}

// List returns a page and the cursor that it ended at, "" where the list has
// ended. It can be shorter than asked for, even empty, and not the last: a page
// looks at no more than 10,000 entries and returns little more than 2 MiB.
//
// Pages are stable: an entry that exists from the first page to the last is
// listed exactly once, whatever comes and goes meanwhile.
func List[T any](ctx context.Context, q Query[T]) (items []T, after string, err error) {
	from := q.Prefix
	if q.Page.After >= from && q.Page.After != "" {
		from = q.Page.After + "\x00"
	}
	chunk := q.firstChunk()
	scan := limit.ScanOf(ctx)
	if err := scan.Reserve(ctx, chunk*len(q.Partitions)); err != nil {
		return nil, "", err
	}
	m, err := q.merge(ctx, from, chunk)
	if err != nil {
		return nil, "", err
	}
	bytes := 0
	for range scanBudget {
		if err := scan.Look(ctx); err != nil {
			return nil, "", err
		}
		entry, ok, err := m.next(ctx)
		if err != nil || !ok {
			return items, "", err
		}
		after = entry.ID
		item, keep, err := q.Read(entry)
		if err != nil {
			return nil, "", err
		}
		if !keep {
			continue
		}
		items = append(items, item)
		bytes += len(entry.Value)
		if len(items) == q.Page.Size || bytes >= byteBudget {
			break
		}
	}
	if m.first() == nil {
		after = ""
	}
	return items, after, nil
}

// All returns every partition of a store.
func All(db store.DB) []store.Partition {
	all := make([]store.Partition, db.Partitions())
	for i := range all {
		all[i] = store.Partition(i)
	}
	return all
}

// A merger reads several partitions as one, in the order of ids.
type merger struct {
	scan  func(ctx context.Context, p store.Partition, from string) ([]store.Entry, error)
	chunk int
	heads []*head
}

// A head is where the merger is in one partition.
type head struct {
	partition store.Partition
	entries   []store.Entry
	last      bool // the partition has no entries after these
	fitting   int  // how many of their size a chunk may have
}

// firstChunk is how many entries are read at once of each partition, at first: of many partitions each gives a page only a few, and a call may
// not be let to look at many.
func (q Query[T]) firstChunk() int {
	return max(4, min(q.Page.Size+1, 2*q.Page.Size/len(q.Partitions)+1, mostAtFirst))
}

func (q Query[T]) merge(ctx context.Context, from string, chunk int) (*merger, error) {
	m := &merger{chunk: chunk}
	m.scan = func(ctx context.Context, p store.Partition, from string) ([]store.Entry, error) {
		entries, err := q.DB.Scan(ctx, p, q.Collection, from, m.chunk)
		for i, entry := range entries {
			if !strings.HasPrefix(entry.ID, q.Prefix) {
				return entries[:i], err
			}
		}
		return entries, err
	}
	m.heads = make([]*head, len(q.Partitions))
	group, scanCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelScans)
	for i, p := range q.Partitions {
		m.heads[i] = &head{partition: p}
		group.Go(func() error { return m.fill(scanCtx, m.heads[i], from) })
	}
	return m, group.Wait()
}

func (m *merger) fill(ctx context.Context, h *head, from string) (err error) {
	h.entries, err = m.scan(ctx, h.partition, from)
	h.last = len(h.entries) < m.chunk
	bytes := 1
	for _, entry := range h.entries {
		bytes += len(entry.Value)
	}
	h.fitting = max(1, len(h.entries)*chunkBytes/bytes)
	return err
}

// first is the head with the lowest id, nil where all are at their end.
func (m *merger) first() *head {
	var first *head
	for _, h := range m.heads {
		if len(h.entries) > 0 && (first == nil || h.entries[0].ID < first.entries[0].ID) {
			first = h
		}
	}
	return first
}

func (m *merger) next(ctx context.Context) (entry store.Entry, ok bool, err error) {
	h := m.first()
	if h == nil {
		return store.Entry{}, false, nil
	}
	entry, h.entries = h.entries[0], h.entries[1:]
	if len(h.entries) == 0 && !h.last {
		m.chunk = min(2*m.chunk, maxPageSize, h.fitting)
		err = m.fill(ctx, h, entry.ID+"\x00")
	}
	return entry, err == nil, err
}
