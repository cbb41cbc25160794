package ledger_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A run that is started again goes on with what it has not paid, failures
// included, and pays nobody a second time on its pay date.
func TestR1_C3_StartedAgain(t *testing.T) {
	const payDate = "2026-05-15"
	onEach(t, func(t *testing.T, db store.DB) {
		w := hardMonth(t, db, "azure")
		f, first := "partners/f/plans/azure.coop.fy26", w.now
		started := w.start(payDate)
		if started.State != ledger.Running || started.Generation != 1 || !started.CreateTime.Equal(first) || !started.StartTime.Equal(first) {
			t.Errorf("started: %+v, want it running for the first time, since %s", started, first)
		}
		w.now = w.now.Add(time.Hour)
		if diff := cmp.Diff(started, w.start(payDate)); diff != "" {
			t.Errorf("a run at work that is started again has changed (-want +got):\n%s", diff)
		}
		failed := w.run(payDate)
		wantFailures := []ledger.Failure{{Plan: f, Reason: "TERMS_UNREADABLE", Message: "the terms of " + f + " can't be understood"}}
		if diff := cmp.Diff(wantFailures, failed.Failures); diff != "" || failed.FailuresCount != 1 || failed.State != ledger.Failed || failed.PayoutsCount != 4 {
			t.Errorf("with one failure: %+v (-want +got):\n%s", failed, diff)
		}
		if failed.PlansTotal != 7 || failed.PlansDone != 7 {
			t.Errorf("%d of %d plans are done, want 7 of 7", failed.PlansDone, failed.PlansTotal)
		}
		still, err := w.worker(ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit {
				t.Error("a run that is finished was worked, and wrote")
			}
			return c.do()
		}})).Work(t.Context(), w.runName(payDate))
		if diff := cmp.Diff(failed, still); err != nil || diff != "" {
			t.Errorf("a finished run that is worked: %v (-want +got):\n%s", err, diff)
		}

		w.plans.fail(f, nil)
		w.earn("partners/a/plans/azure.coop.fy26", "2026-04", 10_00)
		w.now = w.now.Add(time.Hour)
		again := w.start(payDate)
		if again.State != ledger.Running || again.Generation != 2 || !again.CreateTime.Equal(first) || !again.StartTime.Equal(w.now) || !again.FinishTime.IsZero() {
			t.Errorf("started again: %+v, want it running for the second time, since %s", again, w.now)
		}
		if again.PlansDone != 0 || again.FailuresCount != 0 || again.Failures != nil || again.PayoutsCount != 4 || again.PlansTotal != 4 {
			t.Errorf("started again: %+v, want 4 plans to do, none done, no failures, and the 4 payouts kept", again)
		}
		done := w.run(payDate)
		if done.State != ledger.Succeeded || done.PayoutsCount != 5 || !done.PaidTotals[0].Equal(usd(245_00)) || done.FailuresCount != 0 {
			t.Errorf("done: %+v, want 5 payouts of 245.00 together", done)
		}
		want := strings.Join(paidHardMonth, "\n")
		want = strings.Replace(want, "a: 2026-04 earned USD 50.00", "a: 2026-04 earned USD 60.00", 1)
		want = strings.Replace(want, "f: 2026-04 earned USD 70.00, paid USD 0.00", "f: on 2026-05-15 USD 70.00 = 2026-04 70\nf: 2026-04 earned USD 70.00, paid USD 70.00", 1)
		want = strings.Replace(want, "mark 2026-04 of d", "mark 2026-04 of a\nmark 2026-04 of d", 1)
		want = strings.Replace(want, "\nmark 2026-04 of f", "", 1)
		if diff := cmp.Diff(strings.Split(want, "\n"), w.books()); diff != "" {
			t.Errorf("books (-want +got):\n%s", diff)
		}
		w.run("2026-06-15")
		if p, err := w.ledger.Payout(t.Context(), "partners/a/plans/azure.coop.fy26", date("2026-06-15")); err != nil || !p.Amount.Equal(usd(10_00)) {
			t.Errorf("what came up after the payout is paid on the next pay date: %s, %v; want 10.00", p.Amount, err)
		}
	})
}

// C5: what accrued before the approval is paid in the first run after it.
func TestC5_ApprovedLater(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 0)
		w.earn(plan, "2026-03", 30_00)
		w.earn(plan, "2026-04", 40_00)
		w.run("2026-05-15")
		if _, paid := w.total(plan, "2026-03"); paid != 0 {
			t.Errorf("a plan that is not approved was paid %d", paid)
		}
		w.plan("contoso", 35_00)
		w.run("2026-05-15")
		want := []string{
			"contoso: on 2026-05-15 USD 65.00 = 2026-03 30 2026-04 35",
			"contoso: 2026-03 earned USD 30.00, paid USD 30.00", "contoso: 2026-04 earned USD 40.00, paid USD 35.00",
		}
		if diff := cmp.Diff(want, w.books()); diff != "" {
			t.Errorf("books (-want +got):\n%s", diff)
		}
	})
}

// A run pays its own program alone, whatever the names have in common.
func TestR1_OneProgram(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		worlds := map[string]*world{}
		for _, program := range []string{"a", "a-b", "a0", "b"} {
			w := newWorld(t, db, program)
			w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
			w.earn(w.plan("fabrikam", 100_00), "2026-04", 20_00)
			worlds[program] = w
		}
		for _, program := range []string{"a0", "a", "b", "a-b"} {
			if run := worlds[program].run("2026-05-15"); run.PlansTotal != 2 || run.PayoutsCount != 2 || !run.PaidTotals[0].Equal(usd(30_00)) {
				t.Errorf("the run of %s has %d plans, and paid %d of them %s; want 2 with 30.00", program, run.PlansTotal, run.PayoutsCount, run.PaidTotals)
			}
		}
	})
}

// Of many that start a run at once, all get the one that is started.
func TestR1_StartedAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				request := ledger.StartRequest{RunName: w.runName("2026-05-15"), Now: w.now, Scheduled: true}
				if run, err := ledger.New(db).Start(t.Context(), request); err != nil || run.Generation != 1 || run.PlansTotal != 1 {
					t.Errorf("started at once with others: %+v, %v; want generation 1, of 1 plan", run, err)
				}
			})
		}
		group.Wait()
	})
}

// What a clock that was ahead has started, and found nothing to pay, is started again when its time has come.
func TestR1_StartedByAClockThatWasAhead(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		request := ledger.StartRequest{RunName: w.runName("2026-05-15"), Now: w.now.AddDate(0, 4, 0), Scheduled: true}
		if _, err := w.ledger.Start(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		w.run("2026-05-15")
		w.earn(plan, "2026-04", 10_00)
		request.Now = w.now
		if _, err := w.ledger.Start(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		run, err := w.worker(w.ledger).Work(t.Context(), request.RunName)
		if err != nil || run.PayoutsCount != 1 {
			t.Errorf("scheduled in its time: %+v, %v; want its payout", run, err)
		}
	})
}

// What another process does to a run while one starts it is not undone.
func TestR1_StartedMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
		start := func(payDate string, meanwhile func()) ledger.Run {
			l := ledger.New(before(db, 1, meanwhile))
			run, err := l.Start(t.Context(), ledger.StartRequest{RunName: w.runName(payDate), Now: w.now, Scheduled: true})
			if err != nil {
				t.Fatalf("start %s: %v", payDate, err)
			}
			return run
		}
		if run := start("2026-05-15", func() { w.run("2026-05-15") }); run.Generation != 2 || run.PayoutsCount != 1 {
			t.Errorf("started, worked and finished meanwhile, it is %+v; want it started again, with its payout", run)
		}
		start("2026-06-15", func() { start("2026-07-15", func() {}) })
		if last, err := w.ledger.LastScheduled(t.Context(), "programs/azure"); err != nil || last != date("2026-07-15") {
			t.Errorf("the last scheduled is %s, %v; want July's, which was started meanwhile", last, err)
		}
	})
}

func TestR1_LastScheduled(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w, other := newWorld(t, db, "azure"), newWorld(t, db, "azure-2")
		for _, test := range []struct {
			payDate   string
			scheduled bool
			want      string
		}{
			{"2026-03-15", false, ""},
			{"2026-02-15", true, "2026-02-15"},
			{"2026-03-15", true, "2026-03-15"}, // which is at work, by somebody else
			{"2026-01-15", true, "2026-03-15"},
			{"2026-04-15", false, "2026-03-15"},
			{"2026-05-15", true, "2026-05-15"},
		} {
			request := ledger.StartRequest{RunName: w.runName(test.payDate), Now: w.now, Scheduled: test.scheduled}
			if run, err := w.ledger.Start(t.Context(), request); err != nil || run.Generation != 1 || run.State != ledger.Running {
				t.Errorf("start %s: %+v, %v; want it running for the first time", test.payDate, run, err)
			}
			var want payout.PayDate
			if test.want != "" {
				want = date(test.want)
			}
			if got, err := w.ledger.LastScheduled(t.Context(), "programs/azure"); err != nil || got != want {
				t.Errorf("after %s (scheduled: %t) the last scheduled is %s, %v; want %q", test.payDate, test.scheduled, got, err, test.want)
			}
		}
		// Another scheduler that is late starts nothing again; an operator does.
		finished := w.run("2026-05-15")
		request := ledger.StartRequest{RunName: w.runName("2026-05-15"), Now: w.now, Scheduled: true}
		if run, err := w.ledger.Start(t.Context(), request); err != nil || !cmp.Equal(run, finished) {
			t.Errorf("scheduled when it was finished: %+v, %v; want it as it is: %+v", run, err, finished)
		}
		if run := w.start("2026-05-15"); run.Generation != 2 {
			t.Errorf("started by an operator when it was finished: %+v; want generation 2", run)
		}
		if got, err := other.ledger.LastScheduled(t.Context(), "programs/azure-2"); err != nil || got != 0 {
			t.Errorf("the last scheduled of another program is %s, %v; want none", got, err)
		}
		w.put("programs/azure", "run_schedule", "azure", "2026-05-16")
		if _, err := w.ledger.LastScheduled(t.Context(), "programs/azure"); err == nil || !strings.Contains(err.Error(), `run_schedule "azure"`) {
			t.Errorf("a damaged schedule: %v, want an error that names its key", err)
		}
		if _, err := w.ledger.Start(t.Context(), ledger.StartRequest{RunName: w.runName("2026-06-15"), Now: w.now}); err == nil {
			t.Error("a run was started over a damaged schedule")
		}
	})
}

// Unfinished runs are to be resumed in the order of pay dates, of whatever programs, and however many.
func TestR1_Unfinished(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b, a := newWorld(t, db, "b"), newWorld(t, db, "a")
		b.start("2026-06-15")
		b.start("2026-02-15")
		a.start("2026-05-15")
		a.start("2026-01-15")
		b.run("2026-03-15")
		got, _, err := a.ledger.Unfinished(t.Context())
		want := []ledger.RunName{a.runName("2026-01-15"), b.runName("2026-02-15"), a.runName("2026-05-15"), b.runName("2026-06-15")}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("unfinished: %v (-want +got):\n%s", err, diff)
		}
		a.run("2026-01-15")
		b.run("2026-06-15")
		b.start("2026-06-15")
		got, _, err = a.ledger.Unfinished(t.Context())
		want = []ledger.RunName{b.runName("2026-02-15"), a.runName("2026-05-15"), b.runName("2026-06-15")}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("unfinished after two are done, and one is started again: %v (-want +got):\n%s", err, diff)
		}
		var many store.Batch
		for i := range 2500 {
			many.Put(store.Key{Collection: "runs_unfinished", ID: fmt.Sprintf("p%d/2026-01-15", i)}, nil)
		}
		if err := db.Commit(t.Context(), 1, &many); err != nil {
			t.Fatal(err)
		}
		if got, _, err = a.ledger.Unfinished(t.Context()); err != nil || len(got) != 2503 {
			t.Errorf("%d runs are unfinished, %v; want 2503", len(got), err)
		}
		a.put("programs/a", "runs_unfinished", "a/2026-01-16", "")
		got, damaged, err := a.ledger.Unfinished(t.Context())
		if err != nil || len(got) != 2503 || len(damaged) != 1 || !strings.Contains(damaged[0].Error(), "a/2026-01-16") {
			t.Errorf("with a damaged run's name: %d runs, damaged %v, %v; want the others, and an error that names its key", len(got), damaged, err)
		}
	})
}

func TestRunNotFound(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.start("2026-05-15")
		for _, test := range []struct {
			program, want string
		}{
			{"programs/azure", "PAYOUT_RUN_NOT_FOUND"},
			{"programs/azur", "PAYOUT_RUN_NOT_FOUND"},
			{"azure", ""},
			{"programs/", ""},
			{"programs/a/b", ""},
		} {
			name := ledger.RunName{Program: test.program, PayDate: date("2026-06-15")}
			_, err := w.ledger.Run(t.Context(), name)
			_, workErr := w.worker(w.ledger).Work(t.Context(), name)
			for call, err := range map[string]error{"Run": err, "Work": workErr} {
				if err == nil || fault.ReasonOf(err) != test.want {
					t.Errorf("%s of %q: %v, want the reason %q", call, test.program, err, test.want)
				}
			}
		}
	})
}
