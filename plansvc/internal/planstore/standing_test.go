package planstore

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

var storedName = plan.Name{Partner: "contoso", Program: "azure", FundType: "coop", ProgramYear: "fy26"}

// The stored form is kept for ever: what it is does not change.
func TestStoredStanding(t *testing.T) {
	limit := func(month time.Month, minor int64) plan.Limit {
		return plan.Limit{EffectiveMonth: plan.Month{Year: 2026, Month: month}, Amount: money.FromMinor("USD", minor)}
	}
	for want, s := range map[string]plan.Standing{
		"EDITING  ":                {State: plan.Editing},
		"EDITING USD ":             {State: plan.Editing, CurrencyCode: "USD"},
		"SUBMITTED USD 1778716800": {State: plan.Submitted, CurrencyCode: "USD", FirstSubmitTime: time.Unix(1778716800, 0).UTC()},
		"APPROVED USD 1778716800.000000007 2026-01:1000000 2026-05:2000000": {
			State: plan.Approved, CurrencyCode: "USD", FirstSubmitTime: time.Unix(1778716800, 7).UTC(),
			Limits: []plan.Limit{limit(time.January, 1_000_000), limit(time.May, 2_000_000)},
		},
	} {
		s.Name = storedName
		value, err := appendStanding([]byte("kept"), &s)
		if got := strings.TrimPrefix(string(value), "kept"); err != nil || got != want {
			t.Errorf("stored as %q, %v; want %q", got, err, want)
		}
		got, err := parseStanding(storedName, []byte(want))
		if diff := cmp.Diff(&s, got); err != nil || diff != "" {
			t.Errorf("%q is read back as %v (-want +got):\n%s", want, err, diff)
		}
	}
	unfit := plan.Standing{Name: storedName, State: plan.Approved, CurrencyCode: "EUR", Limits: []plan.Limit{limit(time.May, 1)}}
	if value, err := appendStanding(nil, &unfit); err == nil {
		t.Errorf("a limit in another currency is stored: %q", value)
	}
}

// What can't have been stored is an error that names its key.
func TestDamagedStanding(t *testing.T) {
	const sound = "APPROVED USD 1778716800.000000007 2026-01:1000000 2026-05:2000000"
	if _, err := parseStanding(storedName, []byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ old, now string }{
		{"APPROVED", "APPROVEd"},
		{"APPROVED", ""},
		{"USD", "usd"},
		{"USD", ""},
		{"1778716800.0", "soon.0"},
		{"1778716800.000000007", "-62135596800"},
		{".000000007", ".7"},
		{".000000007", ".1000000000"},
		{" 2026-01", "  2026-01"},
		{"2026-01", "2026-13"},
		{":1000000", ":+1000000"},
		{":1000000", ":01000000"},
		{":1000000", ""},
		{":2000000", ":2000000 "},
		{":2000000", ":9223372036854775808"},
		{" 1778716800.000000007 2026-01:1000000 2026-05:2000000", ""},
		{sound, ""},
	} {
		value := strings.Replace(sound, change.old, change.now, 1)
		if s, err := parseStanding(storedName, []byte(value)); err == nil || !strings.Contains(err.Error(), standingKey(storedName).ID) {
			t.Errorf("%q was read as %+v, %v; want an error that names its key", value, s, err)
		}
	}
}

// No value ends the process, whatever it is; and what can be read is what would be stored for it.
func FuzzParseStanding(f *testing.F) {
	f.Add([]byte("EDITING  "))
	f.Add([]byte("SUBMITTED JPY -1.000000001"))
	f.Add([]byte("APPROVED USD 1778716800 2026-01:1000000 2026-05:-2000000"))
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := parseStanding(storedName, value)
		if err != nil {
			return
		}
		if again, err := appendStanding(nil, s); err != nil || !bytes.Equal(again, value) {
			t.Errorf("%q was read as %+v, which is stored as %q, %v", value, s, again, err)
		}
	})
}
