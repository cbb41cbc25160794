package payout

import (
	"fmt"
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A PayDate is the 15th of a month. Rule C1.
type PayDate Month

const (
	payDay  = 15
	dayText = "-15" // payDay, in a date
)

// ParsePayDate reads yyyy-mm-15.
func ParsePayDate(text string) (PayDate, error) {
	month, isPayDay := strings.CutSuffix(text, dayText)
	m, err := ParseMonth(month)
	if err != nil || !isPayDay {
		return 0, fmt.Errorf("%q is not a pay date: a 15th, in the form yyyy-mm-15", text)
	}
	return PayDate(m), nil
}

// Month is the month that d lies in. What was earned in it is not paid on d.
func (d PayDate) Month() Month { return Month(d) }

// Pays tells whether earnings of m are paid on d: of every month before d's own. Rule C3.
func (d PayDate) Pays(m Month) bool { return m < d.Month() }

// Start is when the scheduler starts the run: 00:00 of the 15th in a time zone. Rule R1.
func (d PayDate) Start(zone *time.Location) time.Time {
	return startOfDay(d.Month().Year(), d.Month().Month(), payDay, zone)
}

// CanRun tells whether a run for d may start: not before d's month has begun
// in the program's time zone, since until then what it pays can still grow. Rule R1.
func (d PayDate) CanRun(zone *time.Location, now time.Time) error {
	opens := d.Month().Start(zone)
	if now.Before(opens) {
		return fault.New(fault.State, "MONTH_NOT_CLOSED",
			"the payout run for %s can start when %s begins in %s, at %s", d, d.Month(), zone, opens.Format(time.RFC3339)).
			With("payDate", d.String())
	}
	return nil
}

// String is d as yyyy-mm-15.
func (d PayDate) String() string { return string(d.Append(nil)) }

// Append appends d as String says it.
func (d PayDate) Append(b []byte) []byte { return append(d.Month().Append(b), dayText...) }

// MarshalText writes yyyy-mm-15.
func (d PayDate) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads yyyy-mm-15.
func (d *PayDate) UnmarshalText(text []byte) (err error) {
	*d, err = ParsePayDate(string(text))
	return err
}

// Missed returns the pay dates whose runs the scheduler has to start now,
// oldest first: those that have begun in the program's time zone since the
// program was created, and that it has not started yet. Last is the newest one
// that it has started, zero where it has started none. Rule R1.
func Missed(last PayDate, created time.Time, zone *time.Location, now time.Time) []PayDate {
	next := last + 1
	if last == 0 {
		next = firstAfter(created, zone)
	}
	var missed []PayDate
	for d := next; !now.Before(d.Start(zone)); d++ {
		missed = append(missed, d)
	}
	return missed
}

// BeforeNewest is the pay date before the newest one that has begun in a time
// zone: with it as the last, [Missed] is the newest alone.
func BeforeNewest(zone *time.Location, now time.Time) PayDate { return firstAfter(now, zone) - 2 }

// NextStart is the next moment after now at which a run is to start in a time zone. Rule R1.
func NextStart(zone *time.Location, now time.Time) time.Time {
	return firstAfter(now, zone).Start(zone)
}

// firstAfter is the first pay date that begins after t.
func firstAfter(t time.Time, zone *time.Location) PayDate {
	d := PayDate(MonthOf(t, zone))
	if !t.Before(d.Start(zone)) {
		d++
	}
	return d
}
