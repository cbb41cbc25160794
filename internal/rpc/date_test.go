package rpc_test

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

func TestDate(t *testing.T) {
	for _, test := range []struct {
		name string
		date *date.Date
		want string // empty where there is none
		bad  bool
	}{
		{"absent", nil, "", false},
		{"a day", &date.Date{Year: 2026, Month: 5, Day: 15}, "2026-05-15", false},
		{"the first", &date.Date{Year: 1, Month: 1, Day: 2}, "0001-01-02", false},
		{"the last", &date.Date{Year: 9999, Month: 12, Day: 31}, "9999-12-31", false},
		{"a leap day", &date.Date{Year: 2028, Month: 2, Day: 29}, "2028-02-29", false},
		{"no leap day", &date.Date{Year: 2026, Month: 2, Day: 29}, "", true},
		{"31 April", &date.Date{Year: 2026, Month: 4, Day: 31}, "", true},
		{"month 13", &date.Date{Year: 2026, Month: 13, Day: 1}, "", true},
		{"month 0", &date.Date{Year: 2026, Day: 1}, "", true},
		{"day 0", &date.Date{Year: 2026, Month: 1}, "", true},
		{"a year alone", &date.Date{Year: 2026}, "", true},
		{"no year", &date.Date{Month: 5, Day: 15}, "", true},
		{"nothing in it", &date.Date{}, "", true},
		{"below zero", &date.Date{Year: -1, Month: 1, Day: 1}, "", true},
		{"year 10000", &date.Date{Year: 10000, Month: 1, Day: 1}, "", true},
		{"far beyond", &date.Date{Year: 1 << 30, Month: 1 << 30, Day: 1 << 30}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			got := rpc.Date(&v, "pay_date", test.date)
			if list := v.List(); (len(list) > 0) != test.bad || test.bad && (list[0].Reason != "DATE_MALFORMED" || list[0].Path != "pay_date") {
				t.Errorf("violations %v, want DATE_MALFORMED at pay_date: %t", list, test.bad)
			}
			if test.want == "" {
				if !got.IsZero() {
					t.Errorf("got %s, want the zero time", got)
				}
				return
			}
			if got.Format(time.DateOnly) != test.want || !got.Equal(got.Truncate(24*time.Hour)) || got.Location() != time.UTC {
				t.Errorf("got %s, want midnight UTC of %s", got, test.want)
			}
			if back := rpc.WireDate(got); !proto.Equal(back, test.date) {
				t.Errorf("on the wire again it is %v, want %v", back, test.date)
			}
		})
	}
	if got := rpc.WireDate(time.Time{}); got != nil {
		t.Errorf("the zero time is %v on the wire, want nil", got)
	}
}

// The day on the wire is that of the time's own zone.
func TestWireDate_InItsZone(t *testing.T) {
	west := time.Date(2026, time.May, 15, 23, 0, 0, 0, time.FixedZone("west", -8*3600))
	if want, got := (&date.Date{Year: 2026, Month: 5, Day: 15}), rpc.WireDate(west); !proto.Equal(want, got) {
		t.Errorf("%s is %v on the wire, want %v", west, got, want)
	}
}

func TestTime(t *testing.T) {
	for _, test := range []struct {
		name   string
		time   *timestamppb.Timestamp
		want   string
		reason string
	}{
		{"a moment", &timestamppb.Timestamp{Seconds: 1777617000, Nanos: 500_000_000}, "2026-05-01T06:30:00.5Z", ""},
		{"before 1970", &timestamppb.Timestamp{Seconds: -1, Nanos: 1}, "1969-12-31T23:59:59.000000001Z", ""},
		{"the last", &timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999_999_999}, "9999-12-31T23:59:59.999999999Z", ""},
		{"absent", nil, "", "FIELD_REQUIRED"},
		{"year 10000", &timestamppb.Timestamp{Seconds: 253402300800}, "", "TIME_MALFORMED"},
		{"year 0", &timestamppb.Timestamp{Seconds: -62135596801}, "", "TIME_MALFORMED"},
		{"nanos below zero", &timestamppb.Timestamp{Nanos: -1}, "", "TIME_MALFORMED"},
		{"nanos of a second", &timestamppb.Timestamp{Nanos: 1_000_000_000}, "", "TIME_MALFORMED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			got := rpc.Time(&v, "earn_time", test.time)
			if reason := fault.ReasonOf(v.Err()); reason != test.reason {
				t.Fatalf("reason %q, want %q", reason, test.reason)
			}
			if test.reason != "" {
				if !got.IsZero() || v.List()[0].Path != "earn_time" {
					t.Errorf("got %s and %v, want the zero time and a violation at earn_time", got, v.List())
				}
				return
			}
			if got.Format(time.RFC3339Nano) != test.want {
				t.Errorf("got %s, want %s", got.Format(time.RFC3339Nano), test.want)
			}
			if back := rpc.WireTime(got); !proto.Equal(back, test.time) {
				t.Errorf("on the wire again it is %v, want %v", back, test.time)
			}
		})
	}
	if got := rpc.WireTime(time.Time{}); got != nil {
		t.Errorf("the zero time is %v on the wire, want nil", got)
	}
}
