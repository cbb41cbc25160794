package ledger

import (
	"context"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
)

// A shelf is where a partition keeps the marks of a program's months for which no
// run can pay anything: of plans that can't be approved any more, and what is
// negative for good. Runs do not look at them, so they do not cost the more the
// longer a program exists. It rests on what the program says, such as for how
// many days a plan can be submitted again. So the shelf tells by which etag of
// the program it was filled, and the first run that finds another one puts
// everything back. The value of its key is:
//
//	none   nothing is on the shelf
//	etag   all that is on it was put there by the program as it was then, or by a newer state of it
//	empty  it is being emptied, and nothing may be put on it
const beingEmptied = ""

// hasStaleShelf tells whether a shelf, whose key has a value, is to be emptied first.
func (p *part) hasStaleShelf(value []byte) bool {
	return p.etag != "" && value != nil && string(value) != p.etag
}

// emptyShelf takes the next step to put back all that is on a shelf, whose key
// has a value.
func (p *part) emptyShelf(ctx context.Context, value []byte) error {
	var b store.Batch
	shelf := p.key.shelf()
	b.Require(shelf, value)
	if string(value) != beingEmptied {
		b.Put(shelf, []byte(beingEmptied))
		return p.Ledger.db.Commit(ctx, p.partition, &b)
	}
	entries, err := p.Ledger.db.Scan(ctx, p.partition, collectionShelved, p.key.program+"/", pageSize)
	if err != nil {
		return err
	}
	put := 0
	for _, entry := range entries {
		if !strings.HasPrefix(entry.ID, p.key.program+"/") {
			break
		}
		b.Delete(store.Key{Collection: collectionShelved, ID: entry.ID})
		b.Put(store.Key{Collection: collectionUnsettled, ID: entry.ID}, nil)
		put++
	}
	if put < pageSize {
		b.Delete(shelf)
	}
	return p.Ledger.db.Commit(ctx, p.partition, &b)
}

// canShelve tells whether a run may put something on a shelf, whose key has a value.
func (p *part) canShelve(value []byte) bool {
	return p.etag != "" && (value == nil || string(value) == p.etag)
}

// shelve collects what puts the marks of plans on the shelf that has a value.
func (p *part) shelve(b *store.Batch, value []byte, plans []settled) {
	before := b.Len()
	for i := range plans {
		for _, month := range plans[i].Shelved {
			id := markPrefix(p.key.program, month) + plans[i].plan
			b.Delete(store.Key{Collection: collectionUnsettled, ID: id})
			b.Put(store.Key{Collection: collectionShelved, ID: id}, nil)
		}
	}
	if b.Len() > before {
		b.Require(p.key.shelf(), value)
		b.Put(p.key.shelf(), []byte(p.etag))
	}
}
