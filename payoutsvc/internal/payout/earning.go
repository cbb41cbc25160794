package payout

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// An Earning is what was earned at one moment in a plan.
type Earning struct {
	ID          string // the sender's, unique in the plan
	Amount      money.Money
	EarnTime    time.Time
	Description string
	Month       Month     // set by Record
	RecordTime  time.Time // set by Record
}

const (
	maxIDLength          = 128
	maxDescriptionLength = 500             // characters
	maxAhead             = 5 * time.Minute // of now, by a sender's clock
)

// Check records in v what is wrong with e by itself: its id, its description
// and its amount (rule E4). Paths are relative to the earning.
func (e *Earning) Check(v *fault.Violations) {
	if !validID(e.ID) {
		v.Add("name", "ID_MALFORMED", "the earning's id has to be 1 to %d printable ASCII characters without \"/\" and space", maxIDLength)
	}
	if utf8.RuneCountInString(e.Description) > maxDescriptionLength {
		v.Add("description", "FIELD_TOO_LONG", "is longer than %d characters", maxDescriptionLength)
	}
	if money.Check(v, "amount", e.Amount) && e.Amount.IsZero() {
		v.Add("amount", "AMOUNT_ZERO", "is zero: an earning adds or, below zero, reverses")
	}
}

// validID tells whether id can be an earning's.
func validID(id string) bool {
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '/' {
			return false
		}
	}
	return id != "" && len(id) <= maxIDLength
}

// CheckCurrency records in v that e is not in the plan's currency. Until the plan
// is submitted that can still change, and Record refuses e anyway. Rules E4, E7.
func (t *Terms) CheckCurrency(v *fault.Violations, e *Earning) {
	if t.Submitted && money.Known(e.Amount.Currency) && e.Amount.Currency != t.Currency {
		v.Add("amount", "CURRENCY_MISMATCH", "is in %s, and the plan is in %s", e.Amount.Currency, t.Currency)
	}
}

// Record decides what becomes of an earning that passed Check and
// CheckCurrency, at a moment. Stored is the earning that is recorded under the
// same id, nil where there is none.
//
// It returns the earning as it is to be recorded, with its month fixed (rule
// E5), or stored and duplicate, where that has the same content. It fails with
//
//   - PLAN_NOT_SUBMITTED (rule E7),
//   - EARNING_ID_REUSED where stored has other content (rule E1),
//   - EARN_TIME_OUTSIDE_YEAR, EARN_TIME_IN_FUTURE, EARNING_WINDOW_CLOSED (rule E6).
func (t *Terms) Record(e, stored *Earning, now time.Time) (recorded Earning, duplicate bool, err error) {
	if err := t.takesEarnings(); err != nil {
		return Earning{}, false, err
	}
	if stored != nil {
		return *stored, true, e.sameAs(stored)
	}
	if err := t.inWindow(e.EarnTime, now); err != nil {
		return Earning{}, false, err
	}
	recorded = *e
	recorded.Month, recorded.RecordTime = MonthOf(e.EarnTime, t.Zone), now
	return recorded, false, nil
}

// sameAs is rule E1: an id stands for one content, for ever. Which one it does not tell: who records earnings may not read them.
func (e *Earning) sameAs(stored *Earning) error {
	if e.Amount.Equal(stored.Amount) && e.EarnTime.Equal(stored.EarnTime) && e.Description == stored.Description {
		return nil
	}
	return fault.New(fault.Exists, "EARNING_ID_REUSED", "the id %q is recorded with other content", e.ID).With("earning", e.ID)
}

// inWindow is rule E6.
func (t *Terms) inWindow(earned, now time.Time) error {
	switch {
	case earned.Before(t.YearStart) || !earned.Before(t.YearEnd):
		return fault.New(fault.State, "EARN_TIME_OUTSIDE_YEAR",
			"earn_time %s is outside the plan's program year, %s to %s in %s", earned.UTC().Format(time.RFC3339),
			t.YearStart.Format(time.DateOnly), t.YearEnd.Add(-1).In(t.Zone).Format(time.DateOnly), t.Zone)
	case earned.After(now.Add(maxAhead)):
		return fault.New(fault.State, "EARN_TIME_IN_FUTURE",
			"earn_time %s is more than %.0f minutes ahead of now, %s", earned.UTC().Format(time.RFC3339), maxAhead.Minutes(), now.UTC().Format(time.RFC3339))
	case !now.Before(t.LateUntil):
		return fault.New(fault.State, "EARNING_WINDOW_CLOSED",
			"earnings of the program year were recorded until %s", t.LateUntil.Add(-1).In(t.Zone).Format(time.DateOnly))
	}
	return nil
}

// AddTotal adds an earning to what its month has earned, both in minor units.
// It fails with EARNED_TOTAL_TOO_LARGE where the sum is not an int64. Rule E4.
func AddTotal(earned, amount int64) (int64, error) {
	if (amount > 0 && earned > math.MaxInt64-amount) || (amount < 0 && earned < math.MinInt64-amount) {
		return earned, fault.New(fault.State, "EARNED_TOTAL_TOO_LARGE", "the month's earnings would add up to more than can be held")
	}
	return earned + amount, nil
}
