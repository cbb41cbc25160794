package payout_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A model is the payment rules in whole dollars, in as few lines as they can be said in.
type model struct {
	earned, paid map[payout.Month]int64
	limits       map[payout.Month]int64 // in force; all zero before the approval
}

func (m model) payable(month payout.Month) int64 {
	return min(max(m.earned[month], 0), m.limits[month])
}

func (m model) run(d payout.PayDate) (sum int64) {
	for month := range m.limits {
		if month < d.Month() {
			sum += m.payable(month) - m.paid[month]
		}
	}
	for month := range m.limits {
		if sum > 0 && month < d.Month() {
			m.paid[month] = m.payable(month)
		}
	}
	return max(sum, 0)
}

// Whatever is earned, reversed, approved, raised and run, in whatever order:
// no month is paid above its limit, nothing is paid twice, and all that is
// payable is paid once everything due is positive. Rules C2, C3, C4, C5.
func TestC2_C3_C4_C5_RandomOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBook(t, pinned{Zone: "America/Los_Angeles", YearStart: "2025-07-01", YearEnd: "2026-06-30"}, "USD")
		first, last := payout.MonthIn(2025, time.July), payout.MonthIn(2026, time.June)
		m := model{earned: map[payout.Month]int64{}, paid: map[payout.Month]int64{}, limits: map[payout.Month]int64{}}
		b.terms.Submitted = true
		b.requested = money.FromMinor("USD", 10_000_00)
		month := rapid.Custom(func(r *rapid.T) payout.Month {
			return payout.Month(rapid.IntRange(int(first), int(last)).Draw(r, "month"))
		})
		r.Repeat(map[string]func(*rapid.T){
			"earn": func(r *rapid.T) {
				earned, dollars := month.Draw(r, "earned"), rapid.Int64Range(-20_000, 20_000).Filter(func(d int64) bool { return d != 0 }).Draw(r, "dollars")
				id := fmt.Sprint(rapid.IntRange(1, 30).Draw(r, "id"))
				e := payout.Earning{ID: id, Amount: money.FromMinor("USD", dollars*100), EarnTime: earned.Start(b.terms.Zone)}
				before, known := b.earnings[id]
				err := b.earn(e, b.terms.YearEnd)
				if same := before.Amount.Equal(e.Amount) && before.EarnTime.Equal(e.EarnTime); known != (err != nil || same) || known && !same && fault.ReasonOf(err) != "EARNING_ID_REUSED" {
					r.Fatalf("E1: %q again (known: %t, same: %t): %v", id, known, same, err)
				}
				if !known {
					m.earned[earned] += dollars
				}
			},
			"approve": func(*rapid.T) {
				if !b.terms.Approved {
					b.take(step{Do: "approve"})
					for at := first; at <= last; at++ {
						m.limits[at] = 10_000
					}
				}
			},
			"raise or lower": func(r *rapid.T) {
				dollars := rapid.Int64Range(1, 20_000).Draw(r, "limit")
				from := month.Draw(r, "from")
				if limits := b.terms.Limits; len(limits) == 0 || from <= limits[len(limits)-1].Effective {
					return
				}
				b.terms.Limits = append(b.terms.Limits, payout.Limit{Effective: from, Amount: money.FromMinor("USD", dollars*100)})
				for at := from; at <= last; at++ {
					// What has begun keeps its limit: a change is never for a month that was paid. Rule L11.
					m.limits[at] = dollars
				}
			},
			"run": func(r *rapid.T) {
				d := month.Draw(r, "of").PayDate()
				want, got := m.run(d), int64(0)
				if p := b.run(d, d.Start(b.terms.Zone)); p != nil {
					minor, _ := p.Amount.Minor()
					got = minor / 100
				}
				if got != want {
					r.Fatalf("run of %s paid %d, the model pays %d", d, got, want)
				}
			},
			"": func(r *rapid.T) { checkBooks(r, b, m) },
		})
		m.run(last.PayDate())
		b.run(last.PayDate(), b.terms.YearEnd)
		checkBooks(r, b, m)
		for at, total := range b.totals {
			if s := b.terms.Statement(total); s.Due.Sign() > 0 && !anyNegative(b) {
				r.Fatalf("after the last run %s has %s due", at, s.Due)
			}
		}
	})
}

func checkBooks(r *rapid.T, b *book, m model) {
	for at, total := range b.totals {
		earned, _ := total.Earned.Minor()
		paid, _ := total.Paid.Minor()
		if earned != m.earned[at]*100 || paid != m.paid[at]*100 {
			r.Fatalf("%s: earned %d and paid %d cents, the model has %d and %d dollars", at, earned, paid, m.earned[at], m.paid[at])
		}
	}
}

func anyNegative(b *book) bool {
	for _, total := range b.totals {
		if b.terms.Statement(total).Due.Sign() < 0 {
			return true
		}
	}
	return false
}
