package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A marked plan has months that may have something due.
type marked struct {
	plan   string         // {mpn_id}/{plan}
	months []payout.Month // oldest first
}

func (m marked) equal(other marked) bool {
	return m.plan == other.plan && slices.Equal(m.months, other.months)
}

// A markQuery says which marks of a program to look up.
type markQuery struct {
	program string       // {program}
	before  payout.Month // the first month that does not count
	after   string       // {mpn_id}/{plan} that the page before ended with; empty for the first page
	limit   int          // how many plans at the most
	shelved bool         // whether also what is on the shelf counts
}

// collections are those that marks count in.
func (q markQuery) collections() []string {
	if q.shelved {
		return []string{collectionUnsettled, collectionShelved}
	}
	return []string{collectionUnsettled}
}

// A markedMonth is a month with marks in a collection.
type markedMonth struct {
	collection string
	month      payout.Month
}

// nextMarked returns the next plans of a partition that have marks, in the order of
// their ids, each with all its months.
func (l *Ledger) nextMarked(ctx context.Context, p store.Partition, q markQuery) ([]marked, error) {
	months, err := l.markedMonths(ctx, p, q)
	if err != nil {
		return nil, err
	}
	// Each month's first plans: the first of all are among them, with all their months.
	byPlan := map[string][]payout.Month{}
	for _, m := range months {
		plans, err := l.plansMarkedIn(ctx, p, q, m)
		if err != nil {
			return nil, err
		}
		for _, plan := range plans {
			if !slices.Contains(byPlan[plan], m.month) { // months come oldest first, those with a mark in both collections twice
				byPlan[plan] = append(byPlan[plan], m.month)
			}
		}
	}
	plans := slices.Sorted(maps.Keys(byPlan))
	plans = plans[:min(len(plans), q.limit)]
	page := make([]marked, len(plans))
	for i, plan := range plans {
		page[i] = marked{plan: plan, months: byPlan[plan]}
	}
	return page, nil
}

// markedMonths returns the months of a partition that have marks, oldest first,
// in each collection that counts.
func (l *Ledger) markedMonths(ctx context.Context, p store.Partition, q markQuery) ([]markedMonth, error) {
	var months []markedMonth
	for _, collection := range q.collections() {
		more, err := l.monthsIn(ctx, p, q, collection)
		if err != nil {
			return nil, err
		}
		months = append(months, more...)
	}
	slices.SortStableFunc(months, func(a, b markedMonth) int { return cmp.Compare(a.month, b.month) })
	return months, nil
}

// monthsIn returns the months that have marks in a collection, oldest first. It
// skips from month to month, so it costs the same for any number of plans.
func (l *Ledger) monthsIn(ctx context.Context, p store.Partition, q markQuery, collection string) ([]markedMonth, error) {
	var months []markedMonth
	for from := q.program + "/"; ; {
		entries, err := l.db.Scan(ctx, p, collection, from, 1)
		if err != nil || len(entries) == 0 {
			return months, err
		}
		rest, ok := strings.CutPrefix(entries[0].ID, q.program+"/")
		if !ok {
			return months, nil
		}
		text, _, _ := strings.Cut(rest, "/")
		month, err := payout.ParseMonth(text)
		if err != nil {
			return nil, fmt.Errorf("the id of %s %q is damaged: %w", collection, entries[0].ID, err)
		}
		if month >= q.before {
			return months, nil
		}
		months = append(months, markedMonth{collection, month})
		from = markPrefix(q.program, month) + "\xff" // no id goes on with that
	}
}

// plansMarkedIn returns the next plans that have a mark of one month.
func (l *Ledger) plansMarkedIn(ctx context.Context, p store.Partition, q markQuery, m markedMonth) ([]string, error) {
	prefix := markPrefix(q.program, m.month)
	from := prefix
	if q.after != "" {
		from += q.after + "\x00"
	}
	entries, err := l.db.Scan(ctx, p, m.collection, from, q.limit)
	if err != nil {
		return nil, err
	}
	plans := make([]string, 0, len(entries))
	for _, entry := range entries {
		plan, ok := strings.CutPrefix(entry.ID, prefix)
		if !ok {
			break
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

// markedOne returns the marks of one plan.
func (l *Ledger) markedOne(ctx context.Context, at planKey, q markQuery) ([]marked, error) {
	months, err := l.markedMonths(ctx, at.partition, q)
	if err != nil || len(months) == 0 {
		return nil, err
	}
	keys := make([]store.Key, len(months))
	for i, m := range months {
		keys[i] = store.Key{Collection: m.collection, ID: markPrefix(q.program, m.month) + at.id}
	}
	values, err := l.db.Get(ctx, at.partition, keys...)
	if err != nil {
		return nil, err
	}
	one := marked{plan: at.id}
	for i, m := range months {
		if values[i] != nil && !slices.Contains(one.months, m.month) {
			one.months = append(one.months, m.month)
		}
	}
	if one.months == nil {
		return nil, nil
	}
	return []marked{one}, nil
}

// countMarked returns how many plans of a partition have marks.
func (l *Ledger) countMarked(ctx context.Context, p store.Partition, q markQuery) (int64, error) {
	q.limit = 1000
	var count int64
	for {
		page, err := l.nextMarked(ctx, p, q)
		count += int64(len(page))
		if err != nil || len(page) < q.limit {
			return count, err
		}
		q.after = page[len(page)-1].plan
	}
}
