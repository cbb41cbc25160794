package plan

import (
	"fmt"
	"time"
)

// A Month is a month of the calendar, without a time zone. The zero Month is none.
type Month struct {
	Year  int        // 1 to 9999
	Month time.Month // January to December
}

const monthLayout = "2006-01"

// ParseMonth reads a yyyy-mm; month 13 is an error.
func ParseMonth(text string) (Month, error) {
	t, err := time.Parse(monthLayout, text)
	if err != nil || t.Year() == 0 {
		return Month{}, fmt.Errorf("%q is not a month yyyy-mm of the calendar", text)
	}
	return Month{Year: t.Year(), Month: t.Month()}, nil
}

// IsZero tells whether m is no month.
func (m Month) IsZero() bool { return m == Month{} }

// Next returns the month after m.
func (m Month) Next() Month {
	if m.Month == time.December {
		return Month{Year: m.Year + 1, Month: time.January}
	}
	return Month{Year: m.Year, Month: m.Month + 1}
}

// Compare returns -1, 0 or 1 as m is before, the same as or after other.
func (m Month) Compare(other Month) int { return m.first().Compare(other.first()) }

// Before tells whether m is an earlier month than other.
func (m Month) Before(other Month) bool { return m.Compare(other) < 0 }

// After tells whether m is a later month than other.
func (m Month) After(other Month) bool { return m.Compare(other) > 0 }

// String is m as yyyy-mm, and empty for the zero Month.
func (m Month) String() string {
	if m.IsZero() {
		return ""
	}
	return m.first().Format(monthLayout)
}

// MarshalText is String.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMonth; an empty text is the zero Month.
func (m *Month) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = Month{}
		return nil
	}
	parsed, err := ParseMonth(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// first is the first instant of m in UTC.
func (m Month) first() time.Time { return Date{Year: m.Year, Month: m.Month, Day: 1}.midnight() }
