package payout

import (
	"fmt"
	"time"
)

// A Month is a calendar month of the years 0001 to 9999, counted from January
// of the year 0, so that months compare and step as numbers do.
type Month int

// MonthIn is the month of a year.
func MonthIn(year int, month time.Month) Month { return Month(12*year + int(month) - 1) }

// MonthOf is the month that t falls into in a time zone. Rule E5.
func MonthOf(t time.Time, zone *time.Location) Month {
	year, month, _ := t.In(zone).Date()
	return MonthIn(year, month)
}

// ParseMonth reads yyyy-mm.
func ParseMonth(text string) (Month, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil || t.Year() == 0 {
		return 0, fmt.Errorf("%q is not a month in the form yyyy-mm", text)
	}
	return MonthIn(t.Year(), t.Month()), nil
}

// Year is the month's year.
func (m Month) Year() int { return int(m) / 12 }

// Month is the month's place in its year.
func (m Month) Month() time.Month { return time.Month(int(m)%12 + 1) }

// Next is the month after m.
func (m Month) Next() Month { return m + 1 }

// Start is the moment that m begins in a time zone.
func (m Month) Start(zone *time.Location) time.Time {
	return startOfDay(m.Year(), m.Month(), 1, zone)
}

// PayDate is when m is first paid: the 15th of the month after. Rule C1.
func (m Month) PayDate() PayDate { return PayDate(m.Next()) }

// String is m as yyyy-mm, so that months as text sort as months.
func (m Month) String() string { return string(m.Append(nil)) }

// Append appends m as String says it.
func (m Month) Append(b []byte) []byte {
	year, month := m.Year(), int(m.Month())
	return append(b, '0'+byte(year/1000%10), '0'+byte(year/100%10), '0'+byte(year/10%10), '0'+byte(year%10),
		'-', '0'+byte(month/10), '0'+byte(month%10))
}

// MarshalText writes yyyy-mm.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads yyyy-mm.
func (m *Month) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMonth(string(text))
	return err
}
