package rpc

import (
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
)

// Date reads the google.type.Date at path as midnight UTC of that day, and
// records in v that it is no full day of the calendar, such as 31 April, month
// 13 or a year alone. A nil d is the zero time.
func Date(v *fault.Violations, path string, d *date.Date) time.Time {
	if d == nil {
		return time.Time{}
	}
	year, month, day := int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay())
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if year < 1 || year > 9999 || t.Year() != year || t.Month() != month || t.Day() != day {
		v.Add(path, "DATE_MALFORMED", "year %d, month %d, day %d is not a full day of the calendar", year, d.GetMonth(), day)
		return time.Time{}
	}
	return t
}

// WireDate is the day of t as a google.type.Date; the zero time is nil.
func WireDate(t time.Time) *date.Date {
	if t.IsZero() {
		return nil
	}
	return &date.Date{Year: int32(t.Year()), Month: int32(t.Month()), Day: int32(t.Day())}
}

// Time reads the timestamp at path, and records in v that it is absent or
// outside the years 0001 to 9999.
func Time(v *fault.Violations, path string, t *timestamppb.Timestamp) time.Time {
	switch {
	case t == nil:
		v.Add(path, "FIELD_REQUIRED", "is required")
	case !t.IsValid():
		v.Add(path, "TIME_MALFORMED", "%d seconds and %d nanos since 1970 are not a time of the years 0001 to 9999", t.GetSeconds(), t.GetNanos())
	default:
		return t.AsTime()
	}
	return time.Time{}
}

// WireTime is t as a timestamp; the zero time is nil.
func WireTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
