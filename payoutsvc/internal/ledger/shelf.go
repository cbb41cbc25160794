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
//	etag   runs filled it, judging by the program with this etag or a newer one
//	empty  it is being emptied, and nothing may be put on it

// beingEmptied is the value of a shelf's key while its marks are put back.
const beingEmptied = ""

// hasStaleShelf tells whether a shelf, by the value of its key, is to be emptied first.
func (p *part) hasStaleShelf(filledBy []byte) bool {
	return p.etag != "" && filledBy != nil && string(filledBy) != p.etag
}

// emptyShelf takes the next step to put back all that is on a shelf.
func (p *part) emptyShelf(ctx context.Context, filledBy []byte) error {
	var b store.Batch
	shelf := p.key.shelfEtag()
	b.Require(shelf, filledBy)
	if string(filledBy) != beingEmptied {
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

// canShelve tells whether a run may put something on a shelf, by the value of its key.
func (p *part) canShelve(filledBy []byte) bool { return p.etag != "" && !p.hasStaleShelf(filledBy) }

// shelve collects what puts on a shelf the marks of the months that results say are to go there.
func (p *part) shelve(b *store.Batch, filledBy []byte, results []planResult) {
	before := b.Len()
	for i := range results {
		for _, month := range results[i].Shelved {
			id := markPrefix(p.key.program, month) + results[i].plan
			b.Delete(store.Key{Collection: collectionUnsettled, ID: id})
			b.Put(store.Key{Collection: collectionShelved, ID: id}, nil)
		}
	}
	if b.Len() > before {
		b.Require(p.key.shelfEtag(), filledBy)
		b.Put(p.key.shelfEtag(), []byte(p.etag))
	}
}
