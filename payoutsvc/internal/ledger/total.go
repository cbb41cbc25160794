package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Totals returns what each of the months has earned and was paid, in the order
// of months: nothing where there was nothing. All are of one moment.
func (l *Ledger) Totals(ctx context.Context, terms *payout.Terms, months ...payout.Month) ([]payout.Totals, error) {
	at, err := l.planKey(terms.Plan)
	if err != nil {
		return nil, err
	}
	keys := appendTotalKeys(make([]store.Key, 0, keysPerTotal*len(months)), at.id, months)
	values, err := l.db.Get(ctx, at.partition, keys...)
	if err != nil {
		return nil, err
	}
	return parseTotals(terms.Currency, months, keys, values)
}

// AllTotals returns the totals of every month of the plan that has earnings or
// was paid, oldest first.
func (l *Ledger) AllTotals(ctx context.Context, terms *payout.Terms) ([]payout.Totals, error) {
	at, err := l.planKey(terms.Plan)
	if err != nil {
		return nil, err
	}
	// What was paid was earned before, so earned has every month.
	months, err := l.earnedMonths(ctx, at)
	if err != nil {
		return nil, err
	}
	return l.Totals(ctx, terms, months...)
}

// earnedMonths returns the months of a plan that have earnings, oldest first.
func (l *Ledger) earnedMonths(ctx context.Context, at planKey) ([]payout.Month, error) {
	const atOnce = 100
	var months []payout.Month
	prefix := at.id + "/"
	for from := prefix; ; {
		entries, err := l.db.Scan(ctx, at.partition, collectionEarned, from, atOnce)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			text, ok := strings.CutPrefix(entry.ID, prefix)
			if !ok {
				return months, nil
			}
			month, err := payout.ParseMonth(text)
			if err != nil {
				return nil, damaged(store.Key{Collection: collectionEarned, ID: entry.ID}, err)
			}
			months = append(months, month)
		}
		if len(entries) < atOnce {
			return months, nil
		}
		from = entries[len(entries)-1].ID + "\x00"
	}
}

// keysPerTotal is how many keys hold a month's totals.
const keysPerTotal = 2

// appendTotalKeys appends the keys of months' totals: of each, what it earned, and what it was paid.
func appendTotalKeys(keys []store.Key, plan string, months []payout.Month) []store.Key {
	for _, m := range months {
		keys = append(keys, earnedKey(plan, m), paidKey(plan, m))
	}
	return keys
}

// parseTotals reads the values of appendTotalKeys.
func parseTotals(currency string, months []payout.Month, keys []store.Key, values [][]byte) ([]payout.Totals, error) {
	totals := make([]payout.Totals, len(months))
	for i, m := range months {
		e, p := keysPerTotal*i, keysPerTotal*i+1
		earned, err := parseTotal(keys[e], values[e])
		if err != nil {
			return nil, err
		}
		paid, err := parseTotal(keys[p], values[p])
		if err != nil {
			return nil, err
		}
		totals[i] = payout.Totals{Month: m, Earned: money.FromMinor(currency, earned), Paid: money.FromMinor(currency, paid)}
	}
	return totals, nil
}

// addTotals adds amounts to sums of one for each currency, kept in the order of currency codes.
func addTotals(sums []money.Money, amounts ...money.Money) []money.Money {
	for _, amount := range amounts {
		i, found := slices.BinarySearchFunc(sums, amount.Currency, func(sum money.Money, currency string) int {
			return strings.Compare(sum.Currency, currency)
		})
		if found {
			sums[i] = sums[i].Add(amount)
		} else {
			sums = slices.Insert(sums, i, amount)
		}
	}
	return sums
}
