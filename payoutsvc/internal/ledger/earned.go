package ledger

import (
	"strconv"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A total is what a month of a plan has earned, as a recording changes it.
type total struct {
	id     string // {mpn_id}/{plan}/{yyyy-mm}
	mark   string // the id of the month's mark
	value  []byte // as it is stored, where it was read
	start  int64  // what value says, or 0
	err    error  // why value says nothing
	sum    int64  // start and the earnings that get recorded
	counts bool   // an earning gets recorded
}

// totalOf returns the total that an earning of a month changes. It is valid until the next call.
func (r *recording) totalOf(terms *payout.Terms, month payout.Month) *total {
	const monthLength = len("yyyy-mm")
	mpn, plan, _ := splitPlan(terms.Plan)                       // it has a partition, so it is well-formed
	program, _ := strings.CutPrefix(terms.Program, "programs/") // likewise
	r.id = append(append(append(append(r.id[:0], mpn...), '/'), plan...), '/')
	r.id = month.Append(r.id)
	t, ok := r.total[string(r.id)]
	if !ok {
		t = len(r.totals)
		id := r.name(string(r.id))
		end := len(id) - monthLength
		r.totals = append(r.totals, total{id: id, mark: r.name(program, "/", id[end:], "/", id[:end-1])})
		r.total[id] = t
	}
	return &r.totals[t]
}

func (t *total) key() store.Key { return store.Key{Collection: collectionEarned, ID: t.id} }

// know takes in what is stored.
func (t *total) know(value []byte) {
	t.value = value
	t.start, t.err = parseTotal(t.key(), value)
	t.reset()
}

// reset takes back what was added.
func (t *total) reset() { t.sum, t.counts = t.start, false }

// add adds an earning of so many minor units, unless the total can't hold it. Rule E4.
func (t *total) add(minor int64) error {
	if t.err != nil {
		return t.err
	}
	sum, err := payout.AddTotal(t.sum, minor)
	if err == nil {
		t.sum, t.counts = sum, true
	}
	return err
}

// write writes what was added: on what was read, or else on whatever is stored.
func (t *total) write(b *store.Batch, read bool) {
	switch {
	case !t.counts:
		return
	case read:
		b.Require(t.key(), t.value)
		b.Put(t.key(), strconv.AppendInt(nil, t.sum, 10))
	default:
		b.Add(t.key(), t.sum)
	}
	b.Put(store.Key{Collection: collectionUnsettled, ID: t.mark}, nil)
}
