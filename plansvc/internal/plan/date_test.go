package plan_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestParseDate(t *testing.T) {
	for _, text := range []string{"2026-06-30", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"} {
		got, err := plan.ParseDate(text)
		if err != nil || got.String() != text || !got.Valid() {
			t.Errorf("ParseDate(%q) = %v, %v, want that day", text, got, err)
		}
	}
	for _, text := range []string{
		"", "2026-04-31", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "10000-01-01",
		"2026-6-30", "2026-06-30T00:00:00Z", " 2026-06-30", "2026/06/30", "-001-01-01", "2026-06-3O",
	} {
		if got, err := plan.ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", text, got)
		}
	}
}

func TestDate_Valid(t *testing.T) {
	for _, d := range []plan.Date{{}, {2026, 4, 31}, {2026, 13, 1}, {2026, 0, 1}, {0, 1, 1}, {10000, 1, 1}, {2026, 1, 0}, {-5, 1, 1}} {
		if d.Valid() {
			t.Errorf("%#v is valid, want not", d)
		}
	}
}

func TestDate_Arithmetic(t *testing.T) {
	for _, test := range []struct {
		from string
		days int
		want string
	}{
		{"2026-06-30", 90, "2026-09-28"},
		{"2024-02-28", 1, "2024-02-29"},
		{"2023-02-28", 1, "2023-03-01"},
		{"2023-12-31", 366, "2024-12-31"},
		{"2026-06-30", 0, "2026-06-30"},
		{"9999-12-01", 30, "9999-12-31"},
		{"9999-12-31", 3650, "9999-12-31"},
	} {
		if got := date(t, test.from).AddDays(test.days); got != date(t, test.want) {
			t.Errorf("%s and %d days is %s, want %s", test.from, test.days, got, test.want)
		}
	}
	earlier, later := date(t, "2025-12-31"), date(t, "2026-01-01")
	if !earlier.Before(later) || later.Before(earlier) || !later.After(earlier) || earlier.After(later) {
		t.Errorf("%s and %s are not told apart", earlier, later)
	}
	if got := earlier.MonthOf(); got != month(t, "2025-12") {
		t.Errorf("month of %s is %s, want 2025-12", earlier, got)
	}
}

func TestDateOf(t *testing.T) {
	for _, test := range []struct{ zone, now, want string }{
		{losAngeles, "2026-07-01T06:59:59Z", "2026-06-30"},
		{losAngeles, "2026-07-01T07:00:00Z", "2026-07-01"},
		{"Asia/Kolkata", "2026-06-30T18:29:59Z", "2026-06-30"},
		{"Asia/Kolkata", "2026-06-30T18:30:00Z", "2026-07-01"},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"}, // its 30th was left out
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"},
	} {
		zone, err := time.LoadLocation(test.zone)
		must(t, err)
		if got := plan.DateOf(at(t, test.now), zone); got != date(t, test.want) {
			t.Errorf("at %s it is %s in %s, want %s", test.now, got, test.zone, test.want)
		}
	}
}

func TestMonth(t *testing.T) {
	for _, text := range []string{"2026-04", "0001-01", "9999-12"} {
		got, err := plan.ParseMonth(text)
		if err != nil || got.String() != text {
			t.Errorf("ParseMonth(%q) = %v, %v, want that month", text, got, err)
		}
	}
	for _, text := range []string{"", "2026-13", "2026-00", "2026-4", "2026", "2026-04-01", "0000-01", "2026-04-"} {
		if got, err := plan.ParseMonth(text); err == nil {
			t.Errorf("ParseMonth(%q) = %v, want an error", text, got)
		}
	}
	for _, pair := range [][2]string{{"2026-04", "2026-05"}, {"2026-12", "2027-01"}} {
		this, next := month(t, pair[0]), month(t, pair[1])
		if got := this.Next(); got != next {
			t.Errorf("after %s comes %s, want %s", this, got, next)
		}
		if !this.Before(next) || !next.After(this) || this.After(next) || this.Before(month(t, pair[0])) || this.Compare(month(t, pair[0])) != 0 {
			t.Errorf("%s and %s are not told apart", this, next)
		}
	}
	if last := month(t, "9999-12"); !last.Next().After(last) {
		t.Errorf("the month after %s is not after it", last)
	}
}

func TestDatesAndMonthsAsJSON(t *testing.T) {
	type both struct {
		Day   plan.Date
		Month plan.Month
	}
	for _, text := range []string{`{"Day":"2024-02-29","Month":"2026-04"}`, `{"Day":"","Month":""}`} {
		var read both
		must(t, json.Unmarshal([]byte(text), &read))
		if again, err := json.Marshal(read); err != nil || string(again) != text {
			t.Errorf("%s is written as %s, %v", text, again, err)
		}
	}
	for _, text := range []string{`{"Day":"2023-02-29"}`, `{"Month":"2026-13"}`} {
		var read both
		if err := json.Unmarshal([]byte(text), &read); err == nil {
			t.Errorf("%s is read as %v, want an error", text, read)
		}
	}
	var read plan.Name
	if err := json.Unmarshal([]byte(`"partners/1001"`), &read); err == nil {
		t.Errorf("a malformed name is read as %v, want an error", read)
	}
}

func FuzzDate(f *testing.F) {
	f.Add("2026-06-30")
	f.Add("2023-02-29")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := plan.ParseDate(text)
		if err != nil {
			return
		}
		if !d.Valid() || d.String() != text {
			t.Errorf("ParseDate(%q) = %#v, want the valid day that it says", text, d)
		}
		if next := d.AddDays(1); !next.Valid() || next.Before(d) {
			t.Errorf("the day after %s is %s", d, next)
		}
	})
}

func FuzzMonth(f *testing.F) {
	f.Add("2026-12")
	f.Add("2026-13")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := plan.ParseMonth(text)
		if err != nil {
			return
		}
		if m.String() != text {
			t.Errorf("ParseMonth(%q).String() = %q, want what was read", text, m)
		}
		if !m.Next().After(m) {
			t.Errorf("the month after %s is %s", m, m.Next())
		}
	})
}
