package plan

import (
	"fmt"
	"time"
)

// lastYear is the last year that a date can lie in, as in google.type.Date.
const lastYear = 9999

// A Date is a day of the calendar, without a time zone. The zero Date is none.
type Date struct {
	Year  int        // 1 to 9999
	Month time.Month // January to December
	Day   int        // 1 to the month's last
}

// DateOf returns the day that it is at t in a time zone.
func DateOf(t time.Time, zone *time.Location) Date {
	year, month, day := t.In(zone).Date()
	return Date{Year: year, Month: month, Day: day}
}

// ParseDate reads a yyyy-mm-dd; 31 April is an error.
func ParseDate(text string) (Date, error) {
	// Parse would take what Format never makes, such as a day of one digit with a sign.
	t, err := time.Parse(time.DateOnly, text)
	if d := DateOf(t, time.UTC); err == nil && d.Valid() && d.String() == text {
		return d, nil
	}
	return Date{}, fmt.Errorf("%q is not a day yyyy-mm-dd of the calendar", text)
}

// Valid tells whether the calendar has the day, in the years 1 to 9999.
func (d Date) Valid() bool {
	return d.Year >= 1 && d.Year <= lastYear && DateOf(d.midnight(), time.UTC) == d
}

// IsZero tells whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// AddDays returns the day n days after d, at most 9999-12-31.
func (d Date) AddDays(n int) Date {
	later := DateOf(d.midnight().AddDate(0, 0, n), time.UTC)
	if later.Year > lastYear {
		return Date{Year: lastYear, Month: time.December, Day: 31}
	}
	return later
}

// Before tells whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.midnight().Before(other.midnight()) }

// After tells whether d is a later day than other.
func (d Date) After(other Date) bool { return other.Before(d) }

// MonthOf returns the month that d lies in.
func (d Date) MonthOf() Month { return Month{Year: d.Year, Month: d.Month} }

// String is d as yyyy-mm-dd, and empty for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText is String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDate; an empty text is the zero Date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// midnight is the first instant of d in UTC, where every day has one.
func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}
