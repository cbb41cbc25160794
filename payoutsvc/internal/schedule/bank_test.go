package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
)

// A bank is a ledger in a store of its own, and what a Runner needs beside it.
// It lives in a bubble of synctest, so that time passes only when all wait.
type bank struct {
	*ledger.Ledger
	worker *ledger.Worker
	log    *logtest.Journal

	mu      sync.Mutex
	gate    func(ctx context.Context, program string) error // called before terms are answered
	working map[string]int                                  // how many runs of each program ask for terms now
	most    map[string]int                                  // how many did at once
}

func newBank(t *testing.T, dir string, wrap func(store.DB) store.DB) *bank {
	t.Helper()
	db, err := pebblestore.Open(dir, pebblestore.Options{Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bank{log: &logtest.Journal{}, working: map[string]int{}, most: map[string]int{}}
	b.Ledger = ledger.New(wrap(db))
	b.worker = &ledger.Worker{
		Ledger: b.Ledger, Terms: b, Clock: time.Now, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Wait: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	return b
}

func bare(db store.DB) store.DB { return db }

func programOf(plan string) string {
	_, id, _ := strings.Cut(plan, "/plans/")
	program, _, _ := strings.Cut(id, ".")
	return "programs/" + program
}

// termsOf are those of an approved plan with a limit that nothing reaches.
func termsOf(plan string) payout.Terms {
	terms := payout.Terms{
		Plan: plan, Program: programOf(plan), Submitted: true, Approved: true, Currency: "USD", Zone: time.UTC,
		Limits: []payout.Limit{{Effective: payout.MonthIn(2000, time.January), Amount: money.FromMinor("USD", 1_000_000_00)}},
	}
	terms.YearTerms(at("2000-01-01T12:00:00Z"), at("2099-12-31T12:00:00Z"), 90)
	return terms
}

// PlanTerms knows every plan.
func (b *bank) PlanTerms(ctx context.Context, plans []string) ([]ledger.PlanTerms, error) {
	program := programOf(plans[0])
	b.mu.Lock()
	b.working[program]++
	b.most[program] = max(b.most[program], b.working[program])
	gate := b.gate
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.working[program]--
	}()
	if gate != nil {
		if err := gate(ctx, program); err != nil {
			return nil, err
		}
	}
	answers := make([]ledger.PlanTerms, len(plans))
	for i, plan := range plans {
		answers[i].Terms = termsOf(plan)
	}
	return answers, nil
}

// ProgramWindows are the same for all.
func (b *bank) ProgramWindows(ctx context.Context, _ string) (string, error) { return "1", ctx.Err() }

// atWork returns how many programs ask for terms now.
func (b *bank) atWork() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := 0
	for _, n := range b.working {
		if n > 0 {
			count++
		}
	}
	return count
}

// hold makes every run stop where it asks for terms, until it is told to go on.
func (b *bank) hold() (release func()) {
	released := make(chan struct{})
	b.setGate(func(ctx context.Context, _ string) error {
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return func() { close(released) }
}

func (b *bank) setGate(gate func(ctx context.Context, program string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = gate
}

// earn records an earning of USD 1 in a month of a plan.
func (b *bank) earn(t *testing.T, plan, month string) {
	t.Helper()
	terms := termsOf(plan)
	earning := payout.Earning{ID: month, Amount: money.FromMinor("USD", 1_00), EarnTime: at(month + "-10T00:00:00Z")}
	for _, outcome := range b.Record(t.Context(), at("2026-07-10T00:00:00Z"), []ledger.Entry{{Terms: &terms, Earning: earning}}) {
		if outcome.Err != nil {
			t.Fatal(outcome.Err)
		}
	}
}

// begin starts a run as an operator does, without having it worked.
func (b *bank) begin(t *testing.T, name ledger.RunName) ledger.RunName {
	t.Helper()
	if _, err := b.Start(t.Context(), ledger.StartRequest{RunName: name, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return name
}

func (b *bank) checkState(t *testing.T, name ledger.RunName, want ledger.RunState) {
	t.Helper()
	run, err := b.Run(t.Context(), name)
	if err != nil || run.State != want {
		t.Errorf("the run of %s for %s is %q, %v, want %s", name.Program, name.PayDate, run.State, err, want)
	}
}

// checkPaid checks what months a plan was paid on which day: 2026-05-15: 2026-04.
func (b *bank) checkPaid(t *testing.T, plan string, want ...string) {
	t.Helper()
	var got []string
	for d := payDate(t, "2026-02-15"); d <= payDate(t, "2026-12-15"); d++ {
		p, err := b.Payout(t.Context(), plan, d)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range p.Lines {
			got = append(got, d.String()+": "+line.Month.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what %s was paid (-want +got):\n%s", plan, diff)
	}
}

// run runs a Runner until it is told to stop, which waits for it. It returns once the Runner has read what was left.
func run(t *testing.T, r *schedule.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	synctest.Wait()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// closed tells whether a job is over, once all is quiet.
func closed(done <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

const plan = "partners/contoso/plans/azure.coop.fy26"

func runOf(t *testing.T, program, date string) ledger.RunName {
	t.Helper()
	return ledger.RunName{Program: "programs/" + program, PayDate: payDate(t, date)}
}

// in runs a test with a bank in a bubble.
func in(t *testing.T, test func(t *testing.T, b *bank)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { test(t, newBank(t, dir, bare)) })
}

// A shaky store fails as often as it is told to.
type shaky struct {
	store.DB
	failures atomic.Int32
}

func (s *shaky) fail() error {
	if s.failures.Add(-1) >= 0 {
		return errors.New("input/output error")
	}
	return nil
}

func (s *shaky) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	return s.DB.Get(ctx, p, keys...)
}

func (s *shaky) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	return s.DB.Scan(ctx, p, collection, from, limit)
}

func (s *shaky) Commit(ctx context.Context, p store.Partition, batch *store.Batch) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.DB.Commit(ctx, p, batch)
}
