package ledger

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
)

// A shelf is where a partition keeps the marks of a program's months for which no
// run can pay anything: of plans that can't be approved any more, and what is
// negative for good. Runs do not look at them, so they do not cost the more the
// longer a program exists. It rests on the program's windows: for how long plans
// can be submitted again, and earnings recorded. So the shelf tells by which
// windows it was filled. A run that finds that they are others now puts everything
// back, and begins again: plans that it has passed may have come back. The value
// of the shelf's key is:
//
//	none     nothing is on the shelf
//	windows  all that is on it was put there by these windows, as [payout.Terms] have them
//	empty    it is being emptied, and nothing may be put on it

// beingEmptied is the value of a shelf's key while its marks are put back.
const beingEmptied = ""

// hasStaleShelf tells whether a shelf, by the value of its key, is to be emptied first.
func (p *part) hasStaleShelf(filledBy []byte) bool {
	return p.windows != "" && filledBy != nil && string(filledBy) != p.windows
}

// emptyShelf takes the next step to put back all that is on a shelf, and has the
// run begin again in the partition. It is on the condition that its progress is as stored.
func (p *part) emptyShelf(ctx context.Context, filledBy, stored []byte, progress partProgress) error {
	var b store.Batch
	shelf := p.key.shelfWindows()
	b.Require(shelf, filledBy)
	b.Require(p.key.progress(), stored)
	again := progress.again(p.run.Generation)
	again.hold(p.Name, p.Clock())
	value, err := json.Marshal(again)
	if err != nil {
		return err
	}
	b.Put(p.key.progress(), value)
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
func (p *part) canShelve(filledBy []byte) bool { return p.windows != "" && !p.hasStaleShelf(filledBy) }

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
		b.Require(p.key.shelfWindows(), filledBy)
		b.Put(p.key.shelfWindows(), []byte(p.windows))
	}
}
