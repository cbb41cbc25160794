package ledger

import (
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

// A markQuery says which marks of a program to look up.
type markQuery struct {
	program string       // {program}
	before  payout.Month // the first month that does not count
	after   string       // {mpn_id}/{plan} that the page before ended with; empty for the first page
	limit   int          // how many plans at the most
}

// marked returns the next plans of a partition that have marks, in the order of
// their ids, each with all its months.
func (l *Ledger) marked(ctx context.Context, p store.Partition, q markQuery) ([]marked, error) {
	months, err := l.markedMonths(ctx, p, q)
	if err != nil {
		return nil, err
	}
	// Each month's first plans: the first of all are among them, with all their months.
	byPlan := map[string][]payout.Month{}
	for _, month := range months {
		plans, err := l.markedIn(ctx, p, q, month)
		if err != nil {
			return nil, err
		}
		for _, plan := range plans {
			byPlan[plan] = append(byPlan[plan], month)
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

// markedMonths returns the months of a partition that have marks, oldest
// first. It skips from month to month, so it costs the same for any number of plans.
func (l *Ledger) markedMonths(ctx context.Context, p store.Partition, q markQuery) ([]payout.Month, error) {
	var months []payout.Month
	for from := q.program + "/"; ; {
		entries, err := l.db.Scan(ctx, p, collectionUnsettled, from, 1)
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
			return nil, fmt.Errorf("the id of %s %q is damaged: %w", collectionUnsettled, entries[0].ID, err)
		}
		if month >= q.before {
			return months, nil
		}
		months = append(months, month)
		from = markPrefix(q.program, month) + "\xff" // no id goes on with that
	}
}

// markedIn returns the next plans that have a mark for one month.
func (l *Ledger) markedIn(ctx context.Context, p store.Partition, q markQuery, month payout.Month) ([]string, error) {
	prefix := markPrefix(q.program, month)
	from := prefix
	if q.after != "" {
		from += q.after + "\x00"
	}
	entries, err := l.db.Scan(ctx, p, collectionUnsettled, from, q.limit)
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
	for i, month := range months {
		keys[i] = markKey(q.program, month, at.id)
	}
	values, err := l.db.Get(ctx, at.partition, keys...)
	if err != nil {
		return nil, err
	}
	one := marked{plan: at.id}
	for i, month := range months {
		if values[i] != nil {
			one.months = append(one.months, month)
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
		page, err := l.marked(ctx, p, q)
		count += int64(len(page))
		if err != nil || len(page) < q.limit {
			return count, err
		}
		q.after = page[len(page)-1].plan
	}
}
