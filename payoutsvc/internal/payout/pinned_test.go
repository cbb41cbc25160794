package payout_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// pinned are the pinned examples of the rule book, as steps in time. The test
// of the whole system takes the same steps through the JSON gateway.
type pinned struct {
	Zone      string
	YearStart string `json:"year_start"`
	YearEnd   string `json:"year_end"`
	Examples  []struct {
		Name, What, Currency, Limit string
		Steps                       []step
	}
}

type step struct {
	At        time.Time
	Do        string // submit, approve, reject, reopen, raise, earn, run or statement
	Limit     string // to raise to
	ID        string
	Amount    string
	EarnTime  time.Time      `json:"earn_time"`
	PayDate   payout.PayDate `json:"pay_date"`
	Paid      string         // "0" where there must be no payout
	Lines     map[string]string
	Month     payout.Month
	Statement map[string]string
}

func TestPinnedExamples(t *testing.T) {
	data, err := os.ReadFile("testdata/pinned.json")
	if err != nil {
		t.Fatal(err)
	}
	var p pinned
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for _, example := range p.Examples {
		t.Run(example.Name, func(t *testing.T) {
			t.Log(example.What)
			b := newBook(t, p, example.Currency)
			b.requested = b.money(example.Limit)
			for _, s := range example.Steps {
				b.take(s)
			}
		})
	}
	if got, want := len(p.Examples), 12; got != want {
		t.Errorf("%d pinned examples, want %d", got, want)
	}
}

// A book keeps one plan's earnings and payouts, as a store would, and leaves every decision to the rules.
type book struct {
	*testing.T
	terms     payout.Terms
	requested money.Money
	earnings  map[string]payout.Earning
	totals    map[payout.Month]payout.Totals
}

func newBook(t *testing.T, p pinned, currency string) *book {
	t.Helper()
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{T: t, earnings: map[string]payout.Earning{}, totals: map[payout.Month]payout.Totals{}}
	b.terms = payout.Terms{Plan: "partners/contoso/plans/azure.coop.fy26", Program: "programs/azure", Currency: currency, Zone: zone}
	b.terms.YearTerms(b.date(p.YearStart), b.date(p.YearEnd), 90)
	return b
}

func (b *book) date(text string) time.Time {
	date, err := time.ParseInLocation(time.DateOnly, text, b.terms.Zone)
	if err != nil {
		b.Fatal(err)
	}
	return date
}

func (b *book) money(number string) money.Money {
	m, err := money.Parse(b.terms.Currency, number)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func (b *book) take(s step) {
	b.Helper()
	switch s.Do {
	case "submit":
		b.terms.Submitted = true
	case "approve":
		b.terms.Approved = true
		b.terms.Limits = []payout.Limit{{Effective: payout.MonthOf(b.terms.YearStart, b.terms.Zone), Amount: b.requested}}
	case "reject", "reopen":
		b.terms.Approved = false
	case "raise":
		b.terms.Limits = append(b.terms.Limits, payout.Limit{Effective: payout.MonthOf(s.At, b.terms.Zone).Next(), Amount: b.money(s.Limit)})
	case "earn":
		if err := b.earn(payout.Earning{ID: s.ID, Amount: b.money(s.Amount), EarnTime: s.EarnTime}, s.At); err != nil {
			b.Errorf("%s: earn %s: %v", s.At, s.ID, err)
		}
	case "run":
		b.checkRun(s)
	case "statement":
		got := b.terms.Statement(b.month(s.Month))
		if diff := cmp.Diff(s.Statement, map[string]string{
			"earned": got.Earned.Amount.String(), "limit": got.Limit.Amount.String(), "payable": got.Payable.Amount.String(),
			"withheld": got.Withheld.Amount.String(), "paid": got.Paid.Amount.String(), "due": got.Due.Amount.String(),
		}); diff != "" {
			b.Errorf("%s: statement of %s (-want +got):\n%s", s.At, s.Month, diff)
		}
	default:
		b.Fatalf("unknown step %q", s.Do)
	}
}

func (b *book) earn(e payout.Earning, now time.Time) error {
	var stored *payout.Earning
	if s, ok := b.earnings[e.ID]; ok {
		stored = &s
	}
	recorded, duplicate, err := b.terms.Record(&e, stored, now)
	if err != nil || duplicate {
		return err
	}
	b.earnings[e.ID] = recorded
	total := b.month(recorded.Month)
	total.Earned = total.Earned.Add(recorded.Amount)
	b.totals[recorded.Month] = total
	return nil
}

func (b *book) month(m payout.Month) payout.Totals {
	if total, ok := b.totals[m]; ok {
		return total
	}
	return payout.Totals{Month: m, Earned: money.Zero(b.terms.Currency), Paid: money.Zero(b.terms.Currency)}
}

// run settles every month that the book has, and returns the payout, nil where there is none.
func (b *book) run(d payout.PayDate, now time.Time) *payout.Payout {
	var totals []payout.Totals
	for m := payout.MonthOf(b.terms.YearStart, b.terms.Zone); b.terms.InYear(m); m = m.Next() {
		totals = append(totals, b.month(m))
	}
	paid := b.terms.Settle(d, totals, now).Payout
	if paid == nil {
		return nil
	}
	for _, line := range paid.Lines {
		total := b.month(line.Month)
		total.Paid = total.Paid.Add(line.Amount)
		b.totals[line.Month] = total
	}
	return paid
}

func (b *book) checkRun(s step) {
	b.Helper()
	if err := s.PayDate.CanRun(b.terms.Zone, s.At); err != nil {
		b.Fatalf("%s: the run for %s can't start: %v", s.At, s.PayDate, err)
	}
	paid := b.run(s.PayDate, s.At)
	amount, lines := "0", map[string]string(nil)
	if paid != nil {
		amount, lines = paid.Amount.Amount.String(), map[string]string{}
		for _, line := range paid.Lines {
			lines[line.Month.String()] = line.Amount.Amount.String()
		}
	}
	if amount != s.Paid {
		b.Errorf("%s: paid %s, want %s", s.PayDate, amount, s.Paid)
	}
	if diff := cmp.Diff(s.Lines, lines); diff != "" {
		b.Errorf("%s: lines (-want +got):\n%s", s.PayDate, diff)
	}
}
