package payout

import (
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// Terms are what recording and paying a plan's earnings depend on.
type Terms struct {
	Plan      string // partners/{mpn_id}/plans/{plan}
	Program   string // programs/{program}
	Submitted bool   // at least once
	Approved  bool
	Lapsed    bool           // it is not approved, and can't be unless its program changes
	Currency  string         // ISO 4217
	Zone      *time.Location // that the program counts days and months in
	YearStart time.Time      // the start of the program year's first day
	YearEnd   time.Time      // the end of its last day: the first moment that is outside
	LateUntil time.Time      // the first moment at which its earnings are no longer recorded
	Limits    []Limit        // oldest first
	// Windows say for how long plans can be submitted again, and earnings recorded: words that are others where that is.
	Windows string
}

// A Limit is the most that is paid for each earned month from one month on.
type Limit struct {
	Effective Month
	Amount    money.Money
}

// YearTerms sets what follows from a program year: its first and last day,
// each a moment of that day in t.Zone, and for how many days after the last
// one its earnings are recorded. Rule E6.
func (t *Terms) YearTerms(first, last time.Time, lateDays int) {
	t.YearStart = startOfDay(first.Year(), first.Month(), first.Day(), t.Zone)
	t.YearEnd = startOfDay(last.Year(), last.Month(), last.Day()+1, t.Zone)
	t.LateUntil = startOfDay(last.Year(), last.Month(), last.Day()+1+lateDays, t.Zone)
}

// Limit is the limit in force in a month: zero while the plan is not approved. Rules C2, C5.
func (t *Terms) Limit(m Month) money.Money {
	limit := money.Zero(t.Currency)
	if !t.Approved {
		return limit
	}
	for _, l := range t.Limits {
		if l.Effective <= m {
			limit = l.Amount
		}
	}
	return limit
}

// InYear tells whether the program year reaches into a month.
func (t *Terms) InYear(m Month) bool {
	return MonthOf(t.YearStart, t.Zone) <= m && m <= MonthOf(t.YearEnd.Add(-1), t.Zone)
}

// Months are those that the program year reaches into, oldest first.
func (t *Terms) Months() []Month {
	var months []Month
	for m := MonthOf(t.YearStart, t.Zone); t.InYear(m); m++ {
		months = append(months, m)
	}
	return months
}

// Closed tells whether the year's earnings are no longer recorded. Rule E6.
func (t *Terms) Closed(now time.Time) bool { return !now.Before(t.LateUntil) }

// takesEarnings is rule E7: earnings accrue from the first submission on.
func (t *Terms) takesEarnings() error {
	if t.Submitted {
		return nil
	}
	return fault.New(fault.State, "PLAN_NOT_SUBMITTED", "%s was never submitted, and takes no earnings", t.Plan).With("plan", t.Plan)
}
