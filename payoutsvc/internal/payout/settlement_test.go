package payout_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// While a plan may still earn, it is settled over the months that have marks. Then all of its year's are netted: those of which the
// marks are on the shelf are not among the others.
func TestC3_MonthsToSettle(t *testing.T) {
	marked := []payout.Month{payout.MonthIn(2026, time.February), payout.MonthIn(2026, time.April)}
	var year []payout.Month
	for m := payout.MonthIn(2025, time.July); m <= payout.MonthIn(2026, time.June); m++ {
		year = append(year, m)
	}
	for _, test := range []struct {
		name     string
		approved bool
		now      string
		want     []payout.Month
	}{
		{"the year is open", true, "2026-05-15T07:00:00Z", marked},
		{"its earnings are recorded for one more second", true, "2026-09-29T06:59:59Z", marked},
		{"its earnings are recorded no more", true, "2026-09-29T07:00:00Z", year},
		{"and the plan is not approved", false, "2026-09-29T07:00:00Z", marked},
	} {
		tm := terms(t)
		tm.Approved = test.approved
		if diff := cmp.Diff(test.want, tm.MonthsToSettle(marked, at(t, test.now))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
