package payout

import (
	"testing"
	"time"
)

// E6, R1: a day begins when the calendar of the zone says so, also where its clocks skip midnight, or have it twice.
func TestE6_StartOfDay(t *testing.T) {
	for _, test := range []struct {
		name, zone string
		year       int
		month      time.Month
		day        int
		want       string
	}{
		{"usual", "America/Los_Angeles", 2026, time.May, 15, "2026-05-15T07:00:00Z"},
		{"a day of 23 hours", "America/Los_Angeles", 2026, time.March, 9, "2026-03-09T07:00:00Z"},
		{"beyond the month's end", "UTC", 2026, time.February, 29, "2026-03-01T00:00:00Z"},
		{"midnight is skipped", "America/Havana", 2026, time.March, 8, "2026-03-08T05:00:00Z"},
		{"midnight comes twice", "America/Havana", 2025, time.November, 2, "2025-11-02T04:00:00Z"},
		{"the day before has midnight twice in it", "America/Sao_Paulo", 2018, time.February, 18, "2018-02-18T03:00:00Z"},
		{"the first of a month is skipped into", "Africa/Cairo", 2014, time.August, 1, "2014-07-31T22:00:00Z"},
		{"a whole day is missing before", "Pacific/Apia", 2011, time.December, 31, "2011-12-30T10:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			got := startOfDay(test.year, test.month, test.day, zone)
			if text := got.UTC().Format(time.RFC3339); text != test.want {
				t.Errorf("%d-%02d-%02d in %s begins at %s, want %s", test.year, test.month, test.day, test.zone, text, test.want)
			}
			if before := got.Add(-time.Second).In(zone); before.Day() == got.In(zone).Day() {
				t.Errorf("a second before it is %s, the same day", before)
			}
		})
	}
}
