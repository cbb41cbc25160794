package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	rapid.TB
	Context() context.Context
}

// A world is one program in a store, with its plans as plansvc would know them.
type world struct {
	tester
	db      store.DB
	ledger  *ledger.Ledger
	program string // {program}
	plans   *plans
	now     time.Time
	waited  *atomic.Int64 // for how long its workers have waited, as their clocks see it
	name    string        // of its workers
	earned  int           // how many earnings got an id
}

var losAngeles = must(time.LoadLocation("America/Los_Angeles"))

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// newWorld is a program in July 2026, when the year 2025-07-01 to 2026-06-30 is over and still takes earnings.
func newWorld(t tester, db store.DB, program string) *world {
	return &world{
		tester: t, db: db, ledger: ledger.New(db), program: program,
		plans: &plans{terms: map[string]payout.Terms{}, errs: map[string]error{}, windows: "1"},
		now:   time.Date(2026, time.July, 20, 12, 0, 0, 0, time.UTC), waited: new(atomic.Int64),
	}
}

// A fund tells a partner's plans apart.
const fund = "coop"

// plan adds a partner's plan, and returns its name. With a limit above zero it is approved.
func (w *world) plan(partner string, limit int64) string { return w.planOf(partner, fund, limit) }

func (w *world) planOf(partner, fund string, limit int64) string {
	terms := payout.Terms{
		Plan:    fmt.Sprintf("partners/%s/plans/%s.%s.fy26", partner, w.program, fund),
		Program: "programs/" + w.program, Submitted: true, Currency: "USD", Zone: losAngeles,
	}
	terms.YearTerms(time.Date(2025, time.July, 1, 0, 0, 0, 0, losAngeles), time.Date(2026, time.June, 30, 0, 0, 0, 0, losAngeles), 90)
	if limit > 0 {
		terms.Approved = true
		terms.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.July), Amount: usd(limit)}}
	}
	w.plans.set(terms)
	return terms.Plan
}

func usd(cents int64) money.Money { return money.FromMinor("USD", cents) }

func month(text string) payout.Month { return must(payout.ParseMonth(text)) }

func date(text string) payout.PayDate { return must(payout.ParsePayDate(text)) }

// entry is an earning of a plan, in the middle of a month. Without an id it gets a new one.
func (w *world) entry(plan, id, earned string, cents int64) ledger.Entry {
	if id == "" {
		w.earned++
		id = fmt.Sprintf("new-%d", w.earned)
	}
	terms := w.plans.get(plan)
	return ledger.Entry{Terms: &terms, Earning: payout.Earning{
		ID: id, Amount: usd(cents), EarnTime: month(earned).Start(losAngeles).AddDate(0, 0, 14), Description: "order " + id,
	}}
}

// record records earnings that nothing is wrong with.
func (w *world) record(entries ...ledger.Entry) {
	w.Helper()
	for i, outcome := range w.ledger.Record(w.Context(), w.now, entries) {
		if outcome.Err != nil {
			w.Fatalf("record %s in %s: %v", entries[i].Earning.ID, entries[i].Terms.Plan, outcome.Err)
		}
	}
}

// earn records one new earning.
func (w *world) earn(plan, earned string, cents int64) {
	w.Helper()
	w.record(w.entry(plan, "", earned, cents))
}

func (w *world) runName(payDate string) ledger.RunName {
	return ledger.RunName{Program: "programs/" + w.program, PayDate: date(payDate)}
}

// worker works with a ledger, and waits by its clock alone.
func (w *world) worker(l *ledger.Ledger) *ledger.Worker {
	return &ledger.Worker{
		Name: w.name, Ledger: l, Terms: w.plans, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return w.now.Add(time.Duration(w.waited.Load())) },
		Wait: func(ctx context.Context, d time.Duration) error {
			w.waited.Add(int64(d))
			return ctx.Err()
		},
	}
}

// start starts a run, or starts it again.
func (w *world) start(payDate string) ledger.Run {
	w.Helper()
	run, err := w.ledger.Start(w.Context(), ledger.StartRequest{RunName: w.runName(payDate), Now: w.now})
	if err != nil {
		w.Fatalf("start the run of %s: %v", payDate, err)
	}
	return run
}

// run starts a run and works it to its end, with a ledger that has done nothing before.
func (w *world) run(payDate string) ledger.Run {
	w.Helper()
	w.ledger = ledger.New(w.db)
	w.start(payDate)
	run, err := w.worker(w.ledger).Work(w.Context(), w.runName(payDate))
	if err != nil {
		w.Fatalf("work the run of %s: %v", payDate, err)
	}
	if run.State == ledger.Running || run.FinishTime.IsZero() {
		w.Fatalf("the run of %s is worked, and %s, finished at %v", payDate, run.State, run.FinishTime)
	}
	return run
}

// put stores a value as nothing but damage would.
func (w *world) put(partner, collection, id, value string) {
	w.Helper()
	var b store.Batch
	b.Put(store.Key{Collection: collection, ID: id}, []byte(value))
	if err := w.db.Commit(w.Context(), store.PartitionOf(partner, w.db.Partitions()), &b); err != nil {
		w.Fatalf("put: %v", err)
	}
}
