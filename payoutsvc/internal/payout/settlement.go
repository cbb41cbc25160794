package payout

import (
	"time"

	"github.com/incentives-dev/incentives/internal/money"
)

// A Settlement is what one plan is paid on one pay date, and what that leaves.
type Settlement struct {
	// Payout is nil where there is nothing to pay.
	Payout *Payout
	// Settled are the months that have nothing due once Payout is made: until
	// they earn again, no run has to look at them.
	Settled []Month
	// Shelved are the months for which no later run can pay anything either,
	// unless the program changes: no run has to look at them until then.
	Shelved []Month
}

// shelveAfter is for how long what ends by the clock has to be over before anything
// is shelved for it: another instance's clock may be behind.
const shelveAfter = 24 * time.Hour

// MonthsToSettle are the months that a plan is settled over, of which some are
// marked as having something due. Once its year is closed they are all of the
// year's: some may be shelved, and still are to be netted. Rule C3.
func (t *Terms) MonthsToSettle(marked []Month, now time.Time) []Month {
	if t.Approved && t.Closed(now) {
		return t.Months()
	}
	return marked
}

// Settle works out the payout of one plan on a pay date: the sum of what is
// due over every month before the pay date's own, with a line for each month
// whose due is not zero. Where that is not above zero there is no payout, and
// the dues stand until they can be netted. Rules C3, C4, C5.
//
// Totals are of every month of the plan that may have something due, each
// once, oldest first; months that d does not pay are passed over.
//
// Where no later run can pay them, the months are shelved: those of a plan that
// has lapsed, and those of a year whose last payout is through, which stay
// negative for good. Rules C3, G12.
func (t *Terms) Settle(d PayDate, totals []Totals, now time.Time) Settlement {
	var settlement Settlement
	if !t.Approved {
		for _, month := range totals {
			if t.Lapsed && d.Pays(month.Month) {
				settlement.Shelved = append(settlement.Shelved, month.Month)
			}
		}
		return settlement
	}
	var lines []Line
	sum := money.Zero(t.Currency)
	for _, month := range totals {
		if !d.Pays(month.Month) {
			continue
		}
		statement := t.Statement(month)
		if statement.Due.IsZero() {
			settlement.Settled = append(settlement.Settled, month.Month)
			continue
		}
		lines = append(lines, Line{Month: month.Month, Earned: statement.Earned, Limit: statement.Limit, Amount: statement.Due})
		sum = sum.Add(statement.Due)
	}
	if sum.Sign() <= 0 {
		if d.paysAllOf(t) && t.Closed(now.Add(-shelveAfter)) {
			for _, line := range lines {
				settlement.Shelved = append(settlement.Shelved, line.Month)
			}
		}
		return settlement
	}
	for _, line := range lines {
		settlement.Settled = append(settlement.Settled, line.Month)
	}
	settlement.Payout = &Payout{
		Plan: t.Plan, Program: t.Program, PayDate: d, Amount: sum, Lines: lines,
		State: Scheduled, CreateTime: now, UpdateTime: now,
	}
	return settlement
}

// paysAllOf tells whether every month of a plan's year is paid on d, or was before.
func (d PayDate) paysAllOf(t *Terms) bool { return d.Pays(MonthOf(t.YearEnd.Add(-1), t.Zone)) }
