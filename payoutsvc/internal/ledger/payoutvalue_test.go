package ledger

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

var storedPayoutKey = payoutKey("contoso/azure.coop.fy26", payout.PayDate(payout.MonthIn(2026, time.May)))

// The stored form is kept for ever: what it is does not change.
func TestStoredPayout(t *testing.T) {
	april, may := payout.MonthIn(2026, time.April), payout.MonthIn(2026, time.May)
	line := func(month payout.Month, earned, limit, amount int64) payout.Line {
		return payout.Line{
			Month: month, Earned: money.FromMinor("USD", earned), Limit: money.FromMinor("USD", limit), Amount: money.FromMinor("USD", amount),
		}
	}
	p := payout.Payout{
		Plan: "partners/contoso/plans/azure.coop.fy26", Program: "programs/azure", PayDate: payout.PayDate(may.Next()),
		Amount: money.FromMinor("USD", 4_500_00), Lines: []payout.Line{line(april, 13_000_00, 10_000_00, 4_000_00), line(may, 500_00, 10_000_00, 500_00)},
		State: payout.Scheduled, CreateTime: time.Unix(1781481600, 0).UTC(), UpdateTime: time.Unix(1781481600, 5e8).UTC(),
	}
	const head = " 2026-06-15 contoso/azure.coop.fy26 azure USD 450000 1781481600 1781481600.500000000 " +
		"2026-04:1300000:1000000:400000,2026-05:50000:1000000:50000 "
	for _, test := range []struct {
		name   string
		change func(*payout.Payout)
		want   string
	}{
		{"as a run makes it", func(*payout.Payout) {}, "SCHEDULED" + head + "0 "},
		{
			"paid, with a reference of several words", func(p *payout.Payout) { p.State, p.Reference = payout.Paid, "bank 7,é\n" },
			"PAID" + head + "10 bank 7,é\n",
		},
		{
			"failed after it was paid by mistake", func(p *payout.Payout) { p.State, p.Reference, p.FailureReason = payout.Failed, "x", " no account" },
			"FAILED" + head + "1 x no account",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := p
			test.change(&p)
			value, err := appendPayout([]byte("kept"), "contoso/azure.coop.fy26", &p)
			if got := strings.TrimPrefix(string(value), "kept"); err != nil || got != test.want {
				t.Errorf("stored as %q, %v; want %q", got, err, test.want)
			}
			got, err := parsePayout(storedPayoutKey, []byte(test.want))
			if diff := cmp.Diff(p, got); err != nil || diff != "" {
				t.Errorf("read back: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// What can't have been stored is an error that names its key.
func TestDamagedPayout(t *testing.T) {
	const sound = "PAID 2026-05-15 contoso/azure.coop.fy26 azure USD 1 1 1 2026-04:1:1:1 7 by hand"
	if _, err := parsePayout(storedPayoutKey, []byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ old, now string }{
		{"PAID", "OWED"},
		{"-15", "-16"},
		{"contoso/", ""},
		{"contoso/azure", "contoso/a/azure"},
		{" azure ", "  "},
		{" azure ", " a/b "},
		{"USD", "usd"},
		{"USD 1", "USD 1.0"},
		{"USD 1", "USD 9223372036854775808"},
		{"1 1 2026", "soon 1 2026"},
		{"1 1 2026", "1 1. 2026"},
		{"2026-04:1:1:1", ""},
		{"2026-04:1:1:1", "2026-04:1:1"},
		{"2026-04:1:1:1", "2026-04:1:1:1,"},
		{"2026-04:1:1:1", "2026-13:1:1:1"},
		{"2026-04:1:1:1", "2026-04:1:+1:1"},
		{" 7 ", " 8 "},
		{" 7 ", " -1 "},
		{" 7 ", " 07 "},
		{" 7 by hand", ""},
		{sound, ""},
	} {
		value := strings.Replace(sound, change.old, change.now, 1)
		if p, err := parsePayout(storedPayoutKey, []byte(value)); err == nil || !strings.Contains(err.Error(), storedPayoutKey.ID) {
			t.Errorf("%q was read as %+v, %v; want an error that names %s", value, p, err, storedPayoutKey.ID)
		}
	}
}

// No value ends the process, whatever it is; and what can be read is what would be stored for it.
func FuzzParsePayout(f *testing.F) {
	f.Add([]byte("PAID 2026-05-15 contoso/azure.coop.fy26 azure USD 1 1 1 2026-04:1:1:1 7 by hand"))
	f.Add([]byte("FAILED 0001-01-15 a/b c JPY -9223372036854775808 -1.000000001 1 9999-12:-1:0:1,2026-04:1:1:1 0 why"))
	f.Add([]byte("SCHEDULED 2026-05-15 a/b c USD 1 1 1 2026-04:1:1:1 9223372036854775807 "))
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := parsePayout(storedPayoutKey, value)
		if err != nil {
			return
		}
		mpn, plan, err := splitPlan(p.Plan)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := appendPayout(nil, mpn+"/"+plan, &p); err != nil || !bytes.Equal(again, value) {
			t.Errorf("%q was read as %+v, which is stored as %q, %v", value, p, again, err)
		}
	})
}
