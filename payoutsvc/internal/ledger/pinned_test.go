package ledger_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// The rule book's pinned examples, through the store: C1, C2, C3, C4, C5, and before each run R4.
func TestC1_C2_C3_C4_C5_R4_PinnedExamples(t *testing.T) {
	var pinned struct {
		Examples []struct {
			Name, What, Currency, Limit string
			Steps                       []step
		}
	}
	data, err := os.ReadFile("../payout/testdata/pinned.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &pinned); err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, db store.DB) {
		for _, example := range pinned.Examples {
			t.Run(example.Name, func(t *testing.T) {
				t.Log(example.What)
				w := newWorld(t, db, strings.ToLower(example.Name))
				terms := w.plans.get(w.plan("contoso", 0))
				terms.Currency = example.Currency
				w.plans.set(terms)
				for _, s := range example.Steps {
					s.limit = example.Limit
					w.take(terms.Plan, s)
				}
			})
		}
	})
}

// A step of a pinned example.
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

	limit string // of the example
}

func (w *world) take(plan string, s step) {
	w.Helper()
	w.now = s.At
	terms := w.plans.get(plan)
	defer func() { w.plans.set(terms) }()
	amount := func(number string) money.Money { return must(money.Parse(terms.Currency, number)) }
	switch s.Do {
	case "submit":
	case "approve":
		terms.Approved = true
		terms.Limits = []payout.Limit{{Effective: payout.MonthOf(terms.YearStart, terms.Zone), Amount: amount(s.limit)}}
	case "reject", "reopen":
		terms.Approved = false
	case "raise":
		terms.Limits = append(terms.Limits, payout.Limit{Effective: payout.MonthOf(s.At, terms.Zone).Next(), Amount: amount(s.Limit)})
	case "earn":
		w.record(ledger.Entry{Terms: &terms, Earning: payout.Earning{ID: s.ID, Amount: amount(s.Amount), EarnTime: s.EarnTime}})
	case "run":
		w.checkRun(plan, s)
	case "statement":
		totals, err := w.ledger.Totals(w.Context(), &terms, s.Month)
		if err != nil {
			w.Fatalf("totals of %s: %v", s.Month, err)
		}
		got := terms.Statement(totals[0])
		if diff := cmp.Diff(s.Statement, map[string]string{
			"earned": got.Earned.Amount.String(), "limit": got.Limit.Amount.String(), "payable": got.Payable.Amount.String(),
			"withheld": got.Withheld.Amount.String(), "paid": got.Paid.Amount.String(), "due": got.Due.Amount.String(),
		}); diff != "" {
			w.Errorf("%s: statement of %s (-want +got):\n%s", s.At, s.Month, diff)
		}
	default:
		w.Fatalf("unknown step %q", s.Do)
	}
}

// checkRun previews and runs a pay date, and holds both to what the step says is paid.
func (w *world) checkRun(plan string, s step) {
	w.Helper()
	name := ledger.RunName{Program: "programs/" + w.program, PayDate: s.PayDate}
	preview, err := w.ledger.Preview(w.Context(), w.plans, ledger.PreviewQuery{RunName: name, Now: w.now, Page: listing.Page{Size: 10}})
	if err != nil {
		w.Fatalf("preview of %s: %v", s.PayDate, err)
	}
	run := w.run(s.PayDate.String())
	paid, err := w.ledger.Payout(w.Context(), plan, s.PayDate)
	if s.Paid == "0" {
		if fault.ReasonOf(err) != "PAYOUT_NOT_FOUND" || run.PayoutsCount != 0 || len(preview.Payouts) != 0 {
			w.Errorf("%s: payout %v, %v, of a run with %d and a preview with %d, want none",
				s.PayDate, paid.Amount, err, run.PayoutsCount, len(preview.Payouts))
		}
		return
	}
	if err != nil {
		w.Fatalf("the payout of %s: %v, want %s", s.PayDate, err, s.Paid)
	}
	lines := map[string]string{}
	for _, line := range paid.Lines {
		lines[line.Month.String()] = line.Amount.Amount.String()
	}
	if diff := cmp.Diff(s.Lines, lines); diff != "" {
		w.Errorf("%s: lines (-want +got):\n%s", s.PayDate, diff)
	}
	if paid.Amount.Amount.String() != s.Paid || paid.State != payout.Scheduled || paid.Plan != plan || paid.Program != name.Program {
		w.Errorf("%s: the payout is %+v, want %s, scheduled, for %s", s.PayDate, paid, s.Paid, plan)
	}
	if len(run.PaidTotals) != 1 || !run.PaidTotals[0].Equal(paid.Amount) || run.PayoutsCount != 1 || run.State != ledger.Succeeded {
		w.Errorf("%s: the run says %s of %d payouts, and %s", s.PayDate, run.PaidTotals, run.PayoutsCount, run.State)
	}
	if diff := cmp.Diff([]payout.Payout{paid}, preview.Payouts); diff != "" {
		w.Errorf("%s: the preview was another (-paid +previewed):\n%s", s.PayDate, diff)
	}
}
