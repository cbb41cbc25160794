package payout_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func payDate(t *testing.T, text string) payout.PayDate {
	t.Helper()
	d, err := payout.ParsePayDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestE5_MonthOf(t *testing.T) {
	for _, test := range []struct{ name, at, zone, want string }{
		{"still April in Los Angeles", "2026-05-01T06:30:00Z", "America/Los_Angeles", "2026-04"},
		{"May in Los Angeles at its midnight", "2026-05-01T07:00:00Z", "America/Los_Angeles", "2026-05"},
		{"January already in Kolkata", "2025-12-31T18:30:00Z", "Asia/Kolkata", "2026-01"},
		{"the furthest ahead", "2026-03-31T10:00:00Z", "Pacific/Kiritimati", "2026-04"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := payout.MonthOf(at(t, test.at), zone(t, test.zone)).String(); got != test.want {
				t.Errorf("%s in %s is %s, want %s", test.at, test.zone, got, test.want)
			}
		})
	}
}

func TestParseMonth(t *testing.T) {
	for _, text := range []string{"", "2026", "2026-13", "2026-00", "2026-1", "0000-01", "2026-04-15", "26-04", "2026-04 ", "２０２６-04"} {
		if m, err := payout.ParseMonth(text); err == nil {
			t.Errorf("%q was read as %s, want an error", text, m)
		}
	}
	var m payout.Month
	if err := m.UnmarshalText([]byte("2025-12")); err != nil {
		t.Fatal(err)
	}
	if got := m.Next().String(); got != "2026-01" {
		t.Errorf("the month after 2025-12 is %s, want 2026-01", got)
	}
	if text, _ := m.MarshalText(); string(text) != "2025-12" {
		t.Errorf("marshalled as %s, want 2025-12", text)
	}
}

func FuzzParseMonth(f *testing.F) {
	f.Add("2026-04")
	f.Add("0001-12")
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := payout.ParseMonth(text); err == nil && m.String() != text {
			t.Errorf("%q was read as %s", text, m)
		}
		if d, err := payout.ParsePayDate(text); err == nil && d.String() != text {
			t.Errorf("%q was read as the pay date %s", text, d)
		}
	})
}

func TestC1_PayDate(t *testing.T) {
	for _, test := range []struct{ month, want string }{{"2026-04", "2026-05-15"}, {"2025-12", "2026-01-15"}} {
		m, err := payout.ParseMonth(test.month)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.PayDate().String(); got != test.want {
			t.Errorf("%s is paid on %s, want %s", m, got, test.want)
		}
	}
	for _, text := range []string{"2026-05-14", "2026-05-16", "2026-13-15", "2026-05", "15", "", "2026-05-15T00:00:00Z"} {
		if d, err := payout.ParsePayDate(text); err == nil {
			t.Errorf("%q was read as %s, want an error", text, d)
		}
	}
	d := payDate(t, "2026-05-15")
	if text, _ := d.MarshalText(); string(text) != "2026-05-15" {
		t.Errorf("marshalled as %s, want 2026-05-15", text)
	}
	var back payout.PayDate
	if err := back.UnmarshalText([]byte("2026-05-15")); err != nil || back != d {
		t.Errorf("unmarshalled as %s (%v), want %s", back, err, d)
	}
}

func TestR1_CanRun(t *testing.T) {
	d, la := payDate(t, "2026-05-15"), zone(t, "America/Los_Angeles")
	if err := d.CanRun(la, at(t, "2026-05-01T06:59:59Z")); fault.ReasonOf(err) != "MONTH_NOT_CLOSED" || fault.KindOf(err) != fault.State {
		t.Errorf("a second before May begins in Los Angeles: %v, want MONTH_NOT_CLOSED", err)
	}
	if err := d.CanRun(la, at(t, "2026-05-01T07:00:00Z")); err != nil {
		t.Errorf("when May begins in Los Angeles: %v, want no error", err)
	}
}

func TestR1_Missed(t *testing.T) {
	la := zone(t, "America/Los_Angeles")
	for _, test := range []struct {
		name, last, created, now string
		want                     []string
	}{
		{"before the first 15th", "", "2026-04-20T00:00:00Z", "2026-05-15T06:59:59Z", nil},
		{"at 00:00 of the 15th there", "", "2026-04-20T00:00:00Z", "2026-05-15T07:00:00Z", []string{"2026-05-15"}},
		{"created on a 15th", "", "2026-05-15T07:00:00Z", "2026-06-14T00:00:00Z", nil},
		{"started already", "2026-05-15", "2026-04-20T00:00:00Z", "2026-06-14T00:00:00Z", nil},
		{"an outage of two months", "2026-04-15", "2025-07-01T00:00:00Z", "2026-06-16T00:00:00Z", []string{"2026-05-15", "2026-06-15"}},
		{"over the end of a year", "2025-12-15", "2025-07-01T00:00:00Z", "2026-01-15T08:00:00Z", []string{"2026-01-15"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var last payout.PayDate
			if test.last != "" {
				last = payDate(t, test.last)
			}
			var got []string
			for _, d := range payout.Missed(last, at(t, test.created), la, at(t, test.now)) {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("missed (-want +got):\n%s", diff)
			}
		})
	}
	for _, test := range []struct{ now, want string }{
		{"2026-05-15T06:59:59Z", "2026-05-15T07:00:00Z"},
		{"2026-05-15T07:00:00Z", "2026-06-15T07:00:00Z"},
		{"2025-12-20T00:00:00Z", "2026-01-15T08:00:00Z"},
	} {
		if got := payout.NextStart(la, at(t, test.now)).UTC().Format(time.RFC3339); got != test.want {
			t.Errorf("after %s the next start is %s, want %s", test.now, got, test.want)
		}
	}
}

func TestR1_BeforeNewest(t *testing.T) {
	la := zone(t, "America/Los_Angeles")
	for _, test := range []struct{ now, want, missed string }{
		{"2026-05-15T06:59:59Z", "2026-03-15", "2026-04-15"},
		{"2026-05-15T07:00:00Z", "2026-04-15", "2026-05-15"},
		{"2026-01-20T00:00:00Z", "2025-12-15", "2026-01-15"},
		{"2026-01-14T00:00:00Z", "2025-11-15", "2025-12-15"},
	} {
		got := payout.BeforeNewest(la, at(t, test.now))
		missed := payout.Missed(got, time.Time{}, la, at(t, test.now))
		if got.String() != test.want || len(missed) != 1 || missed[0].String() != test.missed {
			t.Errorf("at %s: %s, after which %v are missed; want %s, and %s", test.now, got, missed, test.want, test.missed)
		}
	}
}
