package payout_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// terms are those of a submitted plan of the year 2025-07-01 to 2026-06-30 in Los Angeles.
func terms(t *testing.T) payout.Terms {
	t.Helper()
	b := newBook(t, pinned{Zone: "America/Los_Angeles", YearStart: "2025-07-01", YearEnd: "2026-06-30"}, "USD")
	b.terms.Submitted = true
	return b.terms
}

func usd(cents int64) money.Money { return money.FromMinor("USD", cents) }

func TestE4_Check(t *testing.T) {
	for _, test := range []struct {
		name    string
		earning payout.Earning
		want    []string
	}{
		{"good", payout.Earning{ID: "a", Amount: usd(1)}, nil},
		{"a reversal", payout.Earning{ID: "a", Amount: usd(-1)}, nil},
		{"every printable character", payout.Earning{ID: "!\"#$%&'()*+,-.09:;<=>?@AZ[\\]^_`az{|}~", Amount: usd(1)}, nil},
		{"the longest id", payout.Earning{ID: strings.Repeat("x", 128), Amount: usd(1)}, nil},
		{"no id", payout.Earning{Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"an id too long", payout.Earning{ID: strings.Repeat("x", 129), Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"an id with a slash", payout.Earning{ID: "a/b", Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"an id with a space", payout.Earning{ID: "a b", Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"an id with a control character", payout.Earning{ID: "a\x00", Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"an id beyond ASCII", payout.Earning{ID: "é", Amount: usd(1)}, []string{"name ID_MALFORMED"}},
		{"zero", payout.Earning{ID: "a", Amount: usd(0)}, []string{"amount AMOUNT_ZERO"}},
		{"the longest description", payout.Earning{ID: "a", Amount: usd(1), Description: strings.Repeat("é", 500)}, nil},
		{
			"all at once",
			payout.Earning{Amount: money.FromMinor("KWD", money.MaxMinor+1), Description: strings.Repeat("x", 501)},
			[]string{"name ID_MALFORMED", "description FIELD_TOO_LONG", "amount AMOUNT_TOO_LARGE"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			test.earning.Check(&v)
			var got []string
			for _, f := range v.List() {
				got = append(got, f.Path+" "+f.Reason)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestE4_Currency(t *testing.T) {
	for _, test := range []struct{ currency, want string }{
		{"USD", ""}, {"EUR", "CURRENCY_MISMATCH"}, {"???", ""}, // Check names an unknown one
	} {
		var v fault.Violations
		submitted := terms(t)
		submitted.CheckCurrency(&v, &payout.Earning{Amount: money.FromMinor(test.currency, 1)})
		if got := fault.ReasonOf(v.Err()); got != test.want {
			t.Errorf("%s in a plan in USD: reason %q, want %q", test.currency, got, test.want)
		}
	}
	// A draft may still change its currency, and takes no earnings whatever theirs is (E7).
	draft := terms(t)
	draft.Submitted = false
	var v fault.Violations
	draft.CheckCurrency(&v, &payout.Earning{Amount: money.FromMinor("EUR", 1)})
	if v.Err() != nil {
		t.Errorf("EUR in a draft in USD: %v, want no error", v.Err())
	}
}

func TestE4_TotalOverflow(t *testing.T) {
	for _, test := range []struct {
		earned, amount, want int64
		reason               string
	}{
		{1, 2, 3, ""},
		{math.MaxInt64 - 1, 1, math.MaxInt64, ""},
		{math.MaxInt64, 1, math.MaxInt64, "EARNED_TOTAL_TOO_LARGE"},
		{math.MinInt64 + 1, -1, math.MinInt64, ""},
		{math.MinInt64, -1, math.MinInt64, "EARNED_TOTAL_TOO_LARGE"},
	} {
		got, err := payout.AddTotal(test.earned, test.amount)
		if got != test.want || fault.ReasonOf(err) != test.reason {
			t.Errorf("AddTotal(%d, %d) = %d, %v; want %d and reason %q", test.earned, test.amount, got, err, test.want, test.reason)
		}
	}
}

func TestE6_E7_Window(t *testing.T) {
	unsubmitted := terms(t)
	unsubmitted.Submitted = false
	for _, test := range []struct {
		name        string
		terms       payout.Terms
		earned, now string
		want        string
	}{
		{"E7 never submitted", unsubmitted, "2026-04-10T00:00:00Z", "2026-04-10T00:00:00Z", "PLAN_NOT_SUBMITTED"},
		{"E6 the year's first moment", terms(t), "2025-07-01T07:00:00Z", "2026-04-10T00:00:00Z", ""},
		{"E6 a second before the year", terms(t), "2025-07-01T06:59:59Z", "2026-04-10T00:00:00Z", "EARN_TIME_OUTSIDE_YEAR"},
		{"E6 the year's last second", terms(t), "2026-07-01T06:59:59Z", "2026-07-02T00:00:00Z", ""},
		{"E6 the moment after the year", terms(t), "2026-07-01T07:00:00Z", "2026-07-02T00:00:00Z", "EARN_TIME_OUTSIDE_YEAR"},
		{"E6 five minutes ahead", terms(t), "2026-04-10T00:05:00Z", "2026-04-10T00:00:00Z", ""},
		{"E6 more than that", terms(t), "2026-04-10T00:05:01Z", "2026-04-10T00:00:00Z", "EARN_TIME_IN_FUTURE"},
		{"E6 the last late moment", terms(t), "2026-04-10T00:00:00Z", "2026-09-29T06:59:59Z", ""},
		{"E6 too late", terms(t), "2026-04-10T00:00:00Z", "2026-09-29T07:00:00Z", "EARNING_WINDOW_CLOSED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := payout.Earning{ID: "a", Amount: usd(1), EarnTime: at(t, test.earned)}
			_, _, err := test.terms.Record(&e, nil, at(t, test.now))
			if got := fault.ReasonOf(err); got != test.want {
				t.Errorf("earned %s, recorded %s: %v, want reason %q", test.earned, test.now, err, test.want)
			}
		})
	}
}

// The last day for late earnings is counted on the calendar, over a change of the clocks.
func TestE6_LateDaysAreCalendarDays(t *testing.T) {
	var late payout.Terms
	late.Zone = zone(t, "America/Los_Angeles")
	day := time.Date(2025, time.October, 31, 0, 0, 0, 0, late.Zone)
	late.YearTerms(day, day, 2)
	if got, want := late.LateUntil.UTC().Format(time.RFC3339), "2025-11-03T08:00:00Z"; got != want {
		t.Errorf("two days after 2025-10-31 end at %s, want %s", got, want)
	}
}

func TestE1_Again(t *testing.T) {
	tm, now := terms(t), at(t, "2026-05-02T00:00:00Z")
	first := payout.Earning{ID: "a", Amount: usd(100), EarnTime: at(t, "2026-05-01T06:30:00Z"), Description: "x"}
	stored, duplicate, err := tm.Record(&first, nil, now)
	if err != nil || duplicate || stored.Month.String() != "2026-04" || !stored.RecordTime.Equal(now) {
		t.Fatalf("first: %+v duplicate %t, %v; want April, recorded now", stored, duplicate, err)
	}
	for _, test := range []struct {
		name   string
		change func(*payout.Earning)
		want   string
	}{
		{"the same", func(*payout.Earning) {}, ""},
		{"the same moment in another zone", func(e *payout.Earning) { e.EarnTime = e.EarnTime.In(tm.Zone) }, ""},
		{"the same amount with more zeros", func(e *payout.Earning) { e.Amount, _ = money.Parse("USD", "1.0000") }, ""},
		{"another amount", func(e *payout.Earning) { e.Amount = usd(101) }, "EARNING_ID_REUSED"},
		{"another time", func(e *payout.Earning) { e.EarnTime = e.EarnTime.Add(1) }, "EARNING_ID_REUSED"},
		{"another description", func(e *payout.Earning) { e.Description = "y" }, "EARNING_ID_REUSED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			again := first
			test.change(&again)
			// Long after the window has closed: it is recorded for ever.
			got, _, err := tm.Record(&again, &stored, now.AddDate(10, 0, 0))
			if fault.ReasonOf(err) != test.want {
				t.Fatalf("got %v, want reason %q", err, test.want)
			}
			if want := `the id "a" is recorded with other content`; err != nil && err.Error() != want {
				t.Errorf("it says %q, want %q: who records may not read", err, want)
			}
			if diff := cmp.Diff(stored, got); diff != "" {
				t.Errorf("the first one does not stand (-want +got):\n%s", diff)
			}
		})
	}
}
