package payout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// Every move that R6 names, and no other.
func TestR6_States(t *testing.T) {
	now := time.Date(2026, time.May, 16, 0, 0, 0, 0, time.UTC)
	moves := map[string]func(*payout.Payout) error{
		"confirm":       func(p *payout.Payout) error { return p.Confirm("wire-1", now) },
		"confirm again": func(p *payout.Payout) error { return p.Confirm("wire-2", now) },
		"fail":          func(p *payout.Payout) error { return p.Fail("account closed", now) },
		"retry":         func(p *payout.Payout) error { return p.Retry(now) },
	}
	for _, test := range []struct {
		from payout.State
		move string
		want payout.State // "" where the move is refused
	}{
		{payout.Scheduled, "confirm", payout.Paid},
		{payout.Scheduled, "fail", payout.Failed},
		{payout.Scheduled, "retry", ""},
		{payout.Paid, "confirm", payout.Paid}, // the same reference: harmless
		{payout.Paid, "confirm again", ""},
		{payout.Paid, "fail", ""},
		{payout.Paid, "retry", ""},
		{payout.Failed, "confirm", ""},
		{payout.Failed, "fail", ""},
		{payout.Failed, "retry", payout.Scheduled},
	} {
		t.Run(string(test.from)+" "+test.move, func(t *testing.T) {
			p := payout.Payout{State: test.from, Amount: usd(100)}
			if test.from == payout.Paid {
				p.Reference = "wire-1"
			}
			before := p
			err := moves[test.move](&p)
			if test.want == "" {
				if fault.ReasonOf(err) != "PAYOUT_STATE" {
					t.Errorf("got %v, want PAYOUT_STATE", err)
				}
				if diff := cmp.Diff(before, p); diff != "" {
					t.Errorf("refused, and changed (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil || p.State != test.want {
				t.Errorf("is %s, %v; want %s", p.State, err, test.want)
			}
			if !p.Amount.Equal(before.Amount) {
				t.Errorf("the amount became %s, want %s", p.Amount, before.Amount)
			}
		})
	}
}

func TestC5_NotApproved(t *testing.T) {
	tm := terms(t)
	tm.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.July), Amount: usd(100)}}
	april := payout.Totals{Month: payout.MonthIn(2026, time.April), Earned: usd(70), Paid: usd(0)}
	if got := tm.Settle(payDate(t, "2026-05-15"), []payout.Totals{april}, time.Time{}); got.Payout != nil || got.Settled != nil {
		t.Errorf("settled %+v before the approval, want nothing", got)
	}
	if s := tm.Statement(april); !s.Payable.IsZero() || !s.Withheld.Equal(usd(70)) {
		t.Errorf("payable %s and withheld %s before the approval, want 0 and 0.70", s.Payable, s.Withheld)
	}
	tm.Approved = true
	if s := tm.Statement(april); !s.Payable.Equal(usd(70)) {
		t.Errorf("payable %s after the approval, want 0.70", s.Payable)
	}
}

// What is settled is not looked at again; what cannot be netted yet is.
func TestC3_Settled(t *testing.T) {
	tm := terms(t)
	tm.Approved = true
	tm.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.July), Amount: usd(100)}}
	month := func(m time.Month, earned, paid int64) payout.Totals {
		return payout.Totals{Month: payout.MonthIn(2026, m), Earned: usd(earned), Paid: usd(paid)}
	}
	for _, test := range []struct {
		name   string
		totals []payout.Totals
		paid   money.Money
		want   []string
	}{
		{"paid in full", []payout.Totals{month(time.March, 50, 50), month(time.April, 70, 0)}, usd(70), []string{"2026-03", "2026-04"}},
		{"above the limit", []payout.Totals{month(time.April, 170, 100)}, usd(0), []string{"2026-04"}},
		{"not to be netted yet", []payout.Totals{month(time.March, 10, 50), month(time.April, 20, 0), month(time.February, 5, 5)}, usd(0), []string{"2026-02"}},
		{"sums to nothing", []payout.Totals{month(time.March, 10, 50), month(time.April, 40, 0)}, usd(0), nil},
		{"the pay date's own month", []payout.Totals{month(time.May, 40, 0)}, usd(0), nil},
		{"below zero", []payout.Totals{month(time.April, -40, 0)}, usd(0), []string{"2026-04"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := tm.Settle(payDate(t, "2026-05-15"), test.totals, time.Time{})
			paid := usd(0)
			if got.Payout != nil {
				paid = got.Payout.Amount
			}
			if !paid.Equal(test.paid) {
				t.Errorf("paid %s, want %s", paid, test.paid)
			}
			var settled []string
			for _, m := range got.Settled {
				settled = append(settled, m.String())
			}
			if diff := cmp.Diff(test.want, settled); diff != "" {
				t.Errorf("settled (-want +got):\n%s", diff)
			}
		})
	}
}

// What no run can pay any more, unless the program changes, is shelved: once a
// plan has lapsed, or once the year's last payout is through and the clock is a
// day past the last moment at which earnings are recorded.
func TestC3_G12_Shelved(t *testing.T) {
	approved := terms(t)
	approved.Approved = true
	approved.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.July), Amount: usd(100)}}
	waiting, lapsed := terms(t), terms(t)
	lapsed.Lapsed = true
	month := func(m time.Month, earned, paid int64) payout.Totals {
		return payout.Totals{Month: payout.MonthIn(2026, m), Earned: usd(earned), Paid: usd(paid)}
	}
	totals := []payout.Totals{month(time.March, 30, 30), month(time.April, 70, 0), month(time.May, 0, 90)}
	closed := approved.LateUntil
	for _, test := range []struct {
		name    string
		terms   payout.Terms
		payDate string
		now     time.Time
		want    []string
	}{
		{"may be approved", waiting, "2026-10-15", closed.AddDate(9, 0, 0), nil},
		{"has lapsed", lapsed, "2026-10-15", closed.AddDate(0, 0, -9), []string{"2026-03", "2026-04", "2026-05"}},
		{"has lapsed, an early pay date", lapsed, "2026-05-15", closed, []string{"2026-03", "2026-04"}},
		{"negative for good", approved, "2026-10-15", closed.Add(24 * time.Hour), []string{"2026-04", "2026-05"}},
		{"negative, and just closed", approved, "2026-10-15", closed.Add(24*time.Hour - 1), nil},
		{"negative, and not the last pay date", approved, "2026-06-15", closed.AddDate(1, 0, 0), nil},
		{"negative, and the year's first pay date after it", approved, "2026-07-15", closed.AddDate(1, 0, 0), []string{"2026-04", "2026-05"}},
	} {
		got := test.terms.Settle(payDate(t, test.payDate), totals, test.now)
		var shelved []string
		for _, m := range got.Shelved {
			shelved = append(shelved, m.String())
		}
		if diff := cmp.Diff(test.want, shelved); diff != "" || got.Payout != nil {
			t.Errorf("%s: payout %v, shelved (-want +got):\n%s", test.name, got.Payout, diff)
		}
	}
	paid := approved.Settle(payDate(t, "2026-10-15"), totals[:2], closed.AddDate(1, 0, 0))
	if paid.Payout == nil || paid.Shelved != nil {
		t.Errorf("something to pay long after the year: %+v, want it paid and nothing shelved", paid)
	}
}

func TestC2_LimitInForce(t *testing.T) {
	tm := terms(t)
	tm.Approved = true
	tm.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.August), Amount: usd(100)}, {Effective: payout.MonthIn(2026, time.May), Amount: usd(200)}}
	for _, test := range []struct {
		month payout.Month
		want  int64
	}{
		{payout.MonthIn(2025, time.July), 0},
		{payout.MonthIn(2025, time.August), 100},
		{payout.MonthIn(2026, time.April), 100},
		{payout.MonthIn(2026, time.May), 200},
		{payout.MonthIn(2026, time.June), 200},
	} {
		if got := tm.Limit(test.month); !got.Equal(usd(test.want)) {
			t.Errorf("limit in %s is %s, want %s", test.month, got, usd(test.want))
		}
	}
	if tm.InYear(payout.MonthIn(2025, time.June)) || !tm.InYear(payout.MonthIn(2025, time.July)) ||
		!tm.InYear(payout.MonthIn(2026, time.June)) || tm.InYear(payout.MonthIn(2026, time.July)) {
		t.Error("the year of 2025-07-01 to 2026-06-30 has to reach from 2025-07 to 2026-06")
	}
}

func TestR6_ReferenceAndReason(t *testing.T) {
	for _, test := range []struct {
		name, text, reference, reason string
	}{
		{"usual", "wire-4711", "", ""},
		{"blank", " \t", "FIELD_REQUIRED", "FIELD_REQUIRED"},
		{"200 characters", strings.Repeat("é", 200), "", ""},
		{"201", strings.Repeat("é", 201), "FIELD_TOO_LONG", ""},
		{"2,001", strings.Repeat("é", 2001), "FIELD_TOO_LONG", "FIELD_TOO_LONG"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var reference, reason fault.Violations
			payout.CheckReference(&reference, "reference", test.text)
			payout.CheckReason(&reason, "reason", test.text)
			if got := fault.ReasonOf(reference.Err()); got != test.reference {
				t.Errorf("as a reference: %q, want %q", got, test.reference)
			}
			if got := fault.ReasonOf(reason.Err()); got != test.reason {
				t.Errorf("as a reason: %q, want %q", got, test.reason)
			}
		})
	}
}
