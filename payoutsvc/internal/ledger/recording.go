package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A recording records one share of a group in one commit.
//
// Most earnings are new, and no total is near its end. So at first nothing is
// read, unless the last ones were not new: the commit is conditional on the earnings being absent, and adds to the
// totals. Only where that fails, or where an earning is refused that may be a
// duplicate, what is stored is read, and the share is decided again on it.
type recording struct {
	db store.DB
	groupJob
	share
	err error // why nothing is recorded

	// False: assume that no earning is stored yet, and that no total is near its end.
	readEarnings, readTotals bool
	version                  uint64 // of the partition, before it was read

	names  strings.Builder // holds the ids
	ids    []string        // of the members' earnings
	stored [][]byte        // the values under ids, where they are read
	first  map[string]int  // by id, the entry that is recorded under it or stands for what is
	totals []total         // of the members
	total  map[string]int  // by id, the place in totals
	id     []byte          // of a total that is looked up

	values []byte // holds the values to write
	writes store.Batch
}

const (
	// nameBytes is about what names take for each earning: an id, and those of a total and its mark.
	nameBytes = 200
	// valueBytes is what the stored form of an earning takes at the most, its description aside.
	valueBytes = 80
)

func newRecording(db store.DB) *recording {
	return &recording{db: db, first: map[string]int{}, total: map[string]int{}}
}

func (r *recording) begin(g groupJob, s share) {
	r.groupJob, r.share = g, s
	r.names.Grow(nameBytes * len(s.members))
	size := 0
	for _, i := range s.members {
		e := &g.entries[i]
		size += valueBytes + len(e.Earning.Description)
		mpn, plan, _ := splitPlan(e.Terms.Plan) // it has a partition, so it is well-formed
		r.ids = append(r.ids, r.name(mpn, "/", plan, "/", e.Earning.ID))
	}
	r.values = slices.Grow(r.values, size) // else what it outgrows stays as long as the writes, in pieces
}

// end tells the outcomes why nothing is recorded, if so. It forgets the group and keeps the memory, except that of names,
// which the store may hold on to.
func (r *recording) end() {
	if r.err != nil {
		for _, i := range r.members {
			r.outcomes[i] = Outcome{Err: r.err}
		}
	}
	r.undo()
	clear(r.ids)
	clear(r.totals)
	clear(r.total)
	*r = recording{
		db: r.db, ids: r.ids[:0], first: r.first, totals: r.totals[:0], total: r.total, id: r.id,
		values: r.values, writes: r.writes,
	}
}

// undo goes back to where nothing is decided.
func (r *recording) undo() {
	clear(r.first)
	r.values = r.values[:0]
	r.writes.Reset()
	for t := range r.totals {
		r.totals[t].reset()
	}
}

// name joins parts, in memory that all names share.
func (r *recording) name(parts ...string) string {
	start := r.names.Len()
	for _, part := range parts {
		r.names.WriteString(part)
	}
	return r.names.String()[start:]
}

// attempt decides and commits. After ErrConflict the next one decides on more.
func (r *recording) attempt(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil || r.writes.Len() == 0 {
		return err
	}
	return r.judge(r.db.Commit(ctx, r.partition, &r.writes))
}

// prepare decides on every member, and collects what to commit.
func (r *recording) prepare(ctx context.Context) error {
	for decided := false; !decided; {
		if err := r.read(ctx); err != nil {
			return err
		}
		decided = r.decide()
	}
	return nil
}

// judge takes in what a commit returned, and returns what it comes to: ErrConflict where the next attempt will decide on more.
func (r *recording) judge(err error) error {
	switch {
	case errors.Is(err, store.ErrConflict):
		r.readEarnings = true
	case !r.readTotals && (errors.Is(err, store.ErrOverflow) || errors.Is(err, store.ErrNotNumber)):
		// One total can't be added to. Reading tells which; the others are not its victims. Rule E3.
		r.readEarnings, r.readTotals = true, true
		return store.ErrConflict
	}
	return err
}

// read reads what is to be decided on.
func (r *recording) read(ctx context.Context) error {
	if !r.readEarnings {
		return nil
	}
	r.order.await(r.partition)
	if r.readTotals {
		for _, i := range r.members {
			e := &r.entries[i]
			r.totalOf(e.Terms, payout.MonthOf(e.Earning.EarnTime, e.Terms.Zone))
		}
	}
	keys := make([]store.Key, 0, len(r.ids)+len(r.totals))
	for _, id := range r.ids {
		keys = append(keys, store.Key{Collection: collectionEarnings, ID: id})
	}
	if r.readTotals {
		for t := range r.totals {
			keys = append(keys, r.totals[t].key())
		}
	}
	r.version = r.db.Version(r.partition)
	values, err := r.db.Get(ctx, r.partition, keys...)
	if err != nil {
		return err
	}
	r.stored = values[:len(r.ids)]
	for t, value := range values[len(r.ids):] {
		r.totals[t].know(value)
	}
	return nil
}

// decide decides on every member and collects what to write. It returns false
// where more has to be read first.
func (r *recording) decide() bool {
	r.undo()
	for k, i := range r.members {
		err := r.decideOne(k, i)
		if err == nil {
			continue
		}
		// A refusal is final only once the stored earnings were read: a duplicate is accepted even where a new earning would be refused.
		// Rule E1.
		tooLarge := fault.ReasonOf(err) == "EARNED_TOTAL_TOO_LARGE"
		if !r.readEarnings || tooLarge && !r.readTotals {
			r.readEarnings, r.readTotals = true, r.readTotals || tooLarge
			return false
		}
		r.outcomes[i] = Outcome{Err: err}
	}
	for t := range r.totals {
		r.totals[t].write(&r.writes, r.readTotals)
	}
	r.writes.SetReadVersion(r.version)
	return true
}

// decideOne decides on entry i, which is the k-th member.
func (r *recording) decideOne(k, i int) error {
	e := &r.entries[i]
	stored, err := r.storedOne(k)
	if err != nil {
		return err
	}
	recorded, duplicate, err := e.Terms.Record(&e.Earning, stored, r.now)
	if err != nil {
		return err
	}
	if !duplicate {
		if err := r.write(k, e.Terms, &recorded); err != nil {
			return err
		}
	}
	r.outcomes[i] = Outcome{Earning: recorded, Duplicate: duplicate}
	r.first[r.ids[k]] = i
	return nil
}

// storedOne returns what the k-th member finds under its id: an earning of the
// store, or one before it in the group.
func (r *recording) storedOne(k int) (*payout.Earning, error) {
	if i, ok := r.first[r.ids[k]]; ok {
		return &r.outcomes[i].Earning, nil
	}
	if len(r.stored) == 0 || r.stored[k] == nil {
		return nil, nil
	}
	key := store.Key{Collection: collectionEarnings, ID: r.ids[k]}
	e, err := parseEarning(key, r.entries[r.members[k]].Earning.ID, r.stored[k])
	return &e, err
}

// write collects what recording the k-th member writes, totals aside.
func (r *recording) write(k int, terms *payout.Terms, e *payout.Earning) error {
	minor, exact := e.Amount.Minor()
	if !exact || e.Amount.Currency != terms.Currency {
		return fmt.Errorf("%s is no amount that %s can earn: it was not checked", e.Amount, terms.Plan)
	}
	if err := r.totalOf(terms, e.Month).add(minor); err != nil {
		return err
	}
	start := len(r.values)
	r.values = appendEarning(r.values, e, minor)
	key := store.Key{Collection: collectionEarnings, ID: r.ids[k]}
	r.writes.RequireAbsent(key)
	r.writes.Put(key, r.values[start:len(r.values):len(r.values)])
	return nil
}
