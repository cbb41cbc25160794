package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// hardMonth is a program with one plan of each kind before the run of 2026-05-15.
func hardMonth(t tester, db store.DB, program string) *world {
	w := newWorld(t, db, program)
	a, b, c, d, e, f := w.plan("a", 100_00), w.plan("b", 100_00), w.plan("c", 100_00), w.plan("d", 0), w.plan("e", 100_00), w.plan("f", 100_00)
	second := w.planOf("a", "growth", 100_00)
	w.record(w.entry(c, "", "2026-03", 50_00), w.entry(e, "", "2026-03", 50_00))
	w.run("2026-04-15")
	w.record(
		w.entry(a, "", "2026-04", 50_00),
		w.entry(second, "", "2026-04", 5_00),
		w.entry(b, "", "2026-04", 150_00),
		w.entry(c, "", "2026-03", -20_00), w.entry(c, "", "2026-04", 40_00),
		w.entry(d, "", "2026-04", 30_00),
		w.entry(e, "", "2026-03", -30_00), w.entry(e, "", "2026-04", 10_00),
		w.entry(f, "", "2026-04", 70_00), w.entry(f, "", "2026-05", 70_00),
	)
	w.plans.fail(f, fault.New(fault.Unavailable, "TERMS_UNREADABLE", "the terms of %s can't be understood", f))
	return w
}

// paidHardMonth are the books after the run of 2026-05-15, however it came about.
var paidHardMonth = []string{
	"a: on 2026-05-15 USD 50.00 = 2026-04 50",
	"a: 2026-04 earned USD 50.00, paid USD 50.00",
	"a growth: on 2026-05-15 USD 5.00 = 2026-04 5",
	"a growth: 2026-04 earned USD 5.00, paid USD 5.00",
	"b: on 2026-05-15 USD 100.00 = 2026-04 100",
	"b: 2026-04 earned USD 150.00, paid USD 100.00",
	"c: on 2026-04-15 USD 50.00 = 2026-03 50",
	"c: on 2026-05-15 USD 20.00 = 2026-03 -20 2026-04 40",
	"c: 2026-03 earned USD 30.00, paid USD 30.00",
	"c: 2026-04 earned USD 40.00, paid USD 40.00",
	"d: 2026-04 earned USD 30.00, paid USD 0.00",
	"e: on 2026-04-15 USD 50.00 = 2026-03 50",
	"e: 2026-03 earned USD 20.00, paid USD 50.00",
	"e: 2026-04 earned USD 10.00, paid USD 0.00",
	"f: 2026-04 earned USD 70.00, paid USD 0.00",
	"f: 2026-05 earned USD 70.00, paid USD 0.00",
	"mark 2026-03 of e", "mark 2026-04 of d", "mark 2026-04 of e", "mark 2026-04 of f", "mark 2026-05 of f",
}

// An accident happens at one call of the store.
type accident struct {
	name     string
	at       operation // "" for any
	happen   func(c call, end context.CancelFunc) error
	survived bool // the run comes to its end all the same
}

var accidents = []accident{
	{"the process ends", commit, func(c call, end context.CancelFunc) error { end(); return c.do() }, false},
	{"the store is out for a moment", "", func(call, context.CancelFunc) error { return store.ErrUnavailable }, true},
	{"the store breaks", "", func(call, context.CancelFunc) error { return errors.New("broken disk") }, false},
	{"a commit is applied unheard, and the process ends", commit, func(c call, _ context.CancelFunc) error { return unheard(c) }, false},
	{"a commit is applied unheard", commit, func(c call, _ context.CancelFunc) error { return unheard(c) }, true},
	{"a commit conflicts", commit, func(call, context.CancelFunc) error { return store.ErrConflict }, true},
}

// A run that is stopped at any call of the store in turn, and resumed by another
// process, has paid what a run has that was not stopped. What was moved
// meanwhile is not scheduled to be moved again.
func TestR2_StoppedAtEveryCall(t *testing.T) {
	const payDate = "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		calls := &tap{DB: db}
		w := hardMonth(t, db, "untouched")
		if err := w.attempt(t.Context(), calls, payDate, true); err != nil {
			t.Fatalf("a run without an accident: %v", err)
		}
		if diff := cmp.Diff(paidHardMonth, w.books()); diff != "" {
			t.Fatalf("books after a run without an accident (-want +got):\n%s", diff)
		}
		var group sync.WaitGroup
		slots := make(chan struct{}, 64) // that many at once share the store's syncs
		for i, one := range accidents {
			last := calls.all
			if one.at == commit {
				last = calls.made[commit]
			}
			for k := 1; k <= last; k++ {
				slots <- struct{}{}
				group.Go(func() {
					defer func() { <-slots }()
					w := hardMonth(t, db, fmt.Sprintf("azure-%d-%d", i, k))
					if k%2 == 0 {
						w.name = "first" // of several, one of which goes on
					}
					w.stopAndResume(payDate, one, k)
				})
			}
		}
		group.Wait()
	})
}

var (
	errEnded = errors.New("the process has ended")
	errStart = errors.New("not started")
)

// attempt starts and works a run over a store. Unless it is to last, it ends when it would have to wait.
func (w *world) attempt(ctx context.Context, db store.DB, payDate string, lasts bool) error {
	l := ledger.New(db)
	if _, err := l.Start(ctx, ledger.StartRequest{RunName: w.runName(payDate), Now: w.now}); err != nil {
		return fmt.Errorf("%w: %w", errStart, err)
	}
	worker := w.worker(l)
	if !lasts {
		worker.Wait = func(context.Context, time.Duration) error { return errEnded }
	}
	_, err := worker.Work(ctx, w.runName(payDate))
	return err
}

// stopAndResume has an accident happen at the k-th call of a run, confirms what is paid by then, and runs again.
func (w *world) stopAndResume(payDate string, a accident, k int) {
	what := fmt.Sprintf("%s at call %d %s", a.name, k, a.at)
	ctx, end := context.WithCancel(w.Context())
	defer end()
	happened := false
	faulty := &tap{DB: w.db}
	faulty.through = func(c call) error {
		if nth := c.nthOfAll; a.at == "" && nth != k || a.at != "" && (c.operation != a.at || c.nth != k) {
			return c.do()
		}
		happened = true
		return a.happen(c, end)
	}
	err := w.attempt(ctx, faulty, payDate, a.survived)
	switch {
	case !happened:
		w.Errorf("%s: there was no such call", what)
	case err == nil && !a.survived:
		w.Errorf("%s: the run came to its end", what)
	case err != nil && a.survived && (!errors.Is(err, errStart) || !errors.Is(err, store.ErrUnavailable)):
		w.Errorf("%s: %v, want a run that goes on", what, err) // whoever starts it is told, and starts it again
	}
	if w.name != "" {
		w.name = "second"
	}
	moved := w.confirmAll(what)
	w.run(payDate)
	if diff := cmp.Diff(paidHardMonth, w.books()); diff != "" {
		w.Errorf("%s: books after the run was resumed (-want +got):\n%s", what, diff)
	}
	for _, before := range moved {
		after, err := w.ledger.Payout(w.Context(), before.Plan, before.PayDate)
		if diff := cmp.Diff(before, after); err != nil || diff != "" {
			w.Errorf("%s: a payout that was moved has changed: %v (-before +after):\n%s", what, err, diff)
		}
	}
}

// confirmAll says of every scheduled payout that its money was moved, and returns all payouts.
func (w *world) confirmAll(what string) []payout.Payout {
	l := ledger.New(w.db)
	var all []payout.Payout
	for _, plan := range w.plans.names() {
		for _, p := range w.payoutsOf(plan) {
			confirmed, err := l.UpdatePayout(w.Context(), plan, p.PayDate, func(p *payout.Payout) error { return p.Confirm("moved", w.now) })
			if err != nil {
				w.Errorf("%s: confirm: %v", what, err)
			}
			all = append(all, confirmed)
		}
	}
	return all
}

// Three processes work one run at once, over a store that often fails them, while
// somebody starts it again and again: nobody is paid twice, nobody is forgotten.
func TestR2_ThreeWorkersAtOnce(t *testing.T) {
	const rounds, workers, payDate = 12, 3, "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		var rounded sync.WaitGroup
		for round := range rounds {
			rounded.Go(func() {
				w := hardMonth(t, db, fmt.Sprint("azure-", round))
				w.start(payDate)
				var working sync.WaitGroup
				for n := range workers {
					random := rand.New(rand.NewPCG(uint64(round), uint64(n)))
					var mu sync.Mutex
					faulty := &tap{DB: db, through: func(c call) error {
						mu.Lock()
						dice := random.IntN(12)
						mu.Unlock()
						switch {
						case dice == 0:
							return store.ErrUnavailable
						case dice == 1 && c.operation == commit:
							return unheard(c)
						case dice == 2 && c.operation == commit:
							return store.ErrConflict
						}
						return c.do()
					}}
					working.Go(func() {
						worker := w.worker(ledger.New(faulty))
						if round%2 == 0 {
							worker.Name = fmt.Sprint("worker ", n)
						}
						if run, err := worker.Work(t.Context(), w.runName(payDate)); err != nil || run.State != ledger.Failed {
							t.Errorf("round %d, worker %d: the run is %s, %v; want it at its end, with a failure", round, n, run.State, err)
						}
					})
				}
				working.Go(func() {
					for range 3 {
						if err := w.attempt(t.Context(), db, payDate, true); err != nil {
							t.Errorf("round %d: start again: %v", round, err)
						}
					}
				})
				working.Wait()
				run, err := ledger.New(db).Run(t.Context(), w.runName(payDate))
				if err != nil || run.State != ledger.Failed || run.PayoutsCount != 4 || len(run.PaidTotals) != 1 || !run.PaidTotals[0].Equal(usd(175_00)) {
					t.Errorf("round %d: the run is %+v, %v; want 4 payouts of 175.00 together", round, run, err)
				}
				if diff := cmp.Diff(paidHardMonth, w.books()); diff != "" {
					t.Errorf("round %d: books (-want +got):\n%s", round, diff)
				}
			})
		}
		rounded.Wait()
	})
}

// A run over more plans than one commit takes goes on after the last page that was committed.
func TestR2_ResumesAfterTheLastPage(t *testing.T) {
	const count, page, payDate = 2_400, 1_000, "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var entries []ledger.Entry
		for i := range count {
			entries = append(entries, w.entry(w.planOf("contoso", fmt.Sprintf("f%04d", i), 100_00), "", "2026-04", int64(i+1)))
		}
		w.record(entries...)
		if run := w.start(payDate); run.PlansTotal != count || run.PlansDone != 0 || run.State != ledger.Running {
			t.Errorf("started with %d of %d plans done, and %s; want 0 of %d", run.PlansDone, run.PlansTotal, run.State, count)
		}
		home, committed := store.PartitionOf("contoso", few), 0
		dies := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit && c.partition == home {
				committed++
				if committed == 3 {
					return store.ErrUnavailable
				}
			}
			return c.do()
		}}))
		dies.Wait = func(context.Context, time.Duration) error { return errEnded }
		if _, err := dies.Work(t.Context(), w.runName(payDate)); !errors.Is(err, errEnded) {
			t.Errorf("worked over a store that fails the third page: %v, want that it ends", err)
		}
		run, err := w.ledger.Run(t.Context(), w.runName(payDate))
		if err != nil || run.PlansDone != 2*page || run.PayoutsCount != 2*page || run.State != ledger.Running {
			t.Errorf("after two pages %d plans are done and %d are paid, %s, %v; want %d", run.PlansDone, run.PayoutsCount, run.State, err, 2*page)
		}
		asked := 0
		w.plans.answer = func(plans []string) error { asked += len(plans); return nil }
		run = w.run(payDate)
		if run.PlansDone != count || run.PayoutsCount != count || !run.PaidTotals[0].Equal(usd(count*(count+1)/2)) || asked != count-2*page {
			t.Errorf("resumed: %d plans done, %d paid %s, terms of %d read; want %d, the terms of %d",
				run.PlansDone, run.PayoutsCount, run.PaidTotals, asked, count, count-2*page)
		}
		payouts, _, err := w.ledger.Payouts(t.Context(), ledger.PayoutsQuery{Partner: "contoso", Page: listing.Page{Size: count}})
		if err != nil || len(payouts) != count {
			t.Errorf("%d payouts, %v; want %d", len(payouts), err, count)
		}
		for i, p := range payouts {
			if !p.Amount.Equal(usd(int64(i+1))) || !strings.Contains(p.Plan, fmt.Sprintf("f%04d", i)) {
				t.Errorf("payout %d is %s for %s", i, p.Amount, p.Plan)
			}
		}
		if marks := w.marks(); len(marks) > 0 {
			t.Errorf("%d marks are left, such as %s", len(marks), marks[0])
		}
	})
}
