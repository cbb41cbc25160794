package payoutrpc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payoutrpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms/termstest"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// The plans that every office knows, all of the year 2025-07-01 to 2026-06-30 in Los Angeles.
const (
	contoso  = "partners/contoso/plans/azure.coop.fy26"   // approved, USD 10,000 a month
	fabrikam = "partners/fabrikam/plans/azure.coop.fy26"  // the same
	tailspin = "partners/tailspin/plans/azure.coop.fy26"  // JPY, submitted
	draft    = "partners/contoso/plans/azure.mdf.fy26"    // never submitted, without a currency
	windows  = "partners/contoso/plans/windows.coop.fy26" // of another program
	nowhere  = "partners/contoso/plans/azure.none.fy26"   // does not exist
)

// An office is a PayoutService with all that it needs, in a bubble of synctest:
// time passes only when all wait.
type office struct {
	payoutv1.PayoutServiceClient

	service *payoutrpc.Service // without gRPC before it
	ledger  *ledger.Ledger
	plansvc *termstest.Plansvc
	db      *gatedStore
	runner  *schedule.Runner
	log     *logtest.Journal

	mu  sync.Mutex
	now time.Time

	stop   context.CancelFunc // begins to stop the server
	served chan error         // what it ended with
}

// in runs a test with an office of its own.
func in(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { test(t, open(t, dir)) })
}

func open(t *testing.T, dir string) *office {
	t.Helper()
	db, err := pebblestore.Open(dir, pebblestore.Options{Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	o := &office{
		db: &gatedStore{DB: db}, plansvc: plansvc(), log: &logtest.Journal{}, now: at("2026-05-20T12:00:00Z"), served: make(chan error, 1),
	}
	o.ledger = ledger.New(o.db)
	client, err := terms.New(o.plansvc.Client(), o.clock)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(o.log, nil))
	o.runner = schedule.NewRunner(&ledger.Worker{Ledger: o.ledger, Terms: client, Clock: o.clock, Wait: wait, Log: log})
	o.serve(t, &payoutrpc.Service{
		Ledger: o.ledger, Terms: client, Runner: o.runner, Clock: o.clock, Log: log,
		Patience: 2 * time.Second, WatchInterval: 300 * time.Millisecond,
	})
	return o
}

// serve has the service answer calls, and runs worked, until the test is over.
func (o *office) serve(t *testing.T, service *payoutrpc.Service) {
	t.Helper()
	drain, listener := make(chan struct{}), bufconn.Listen(1<<16)
	service.Drain, o.service = drain, service
	guard, err := auth.Settings{}.Guard(service.Log, auth.OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.Server{
		Name: "payoutsvc", Listener: listener, Guard: guard, Ready: func(context.Context) error { return nil },
		Drain: drain, Deadline: 10 * time.Second, Log: service.Log,
		Register: func(r grpc.ServiceRegistrar) { payoutv1.RegisterPayoutServiceServer(r, service) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.stop = cancel
	var background sync.WaitGroup
	background.Go(func() { o.runner.Run(ctx) })
	background.Go(func() { o.served <- server.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		background.Wait()
	})
	conn, err := rpc.Dial("passthrough:///memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	o.PayoutServiceClient = payoutv1.NewPayoutServiceClient(conn)
}

func plansvc() *termstest.Plansvc {
	p := &termstest.Plansvc{}
	for _, name := range []string{"programs/azure", "programs/windows"} {
		p.SetProgram(&planv1.Program{
			Name: name, TimeZone: "America/Los_Angeles", HasPlans: true, CreateTime: timestamppb.New(at("2025-06-01T00:00:00Z")),
			ResubmissionDays: new(int32(90)), LateEarningDays: new(int32(90)),
		})
	}
	for _, plan := range []string{contoso, fabrikam, windows} {
		p.SetPlan(approved(plan))
	}
	yen := approved(tailspin)
	yen.State, yen.CurrencyCode, yen.Limits = planv1.Plan_SUBMITTED, "JPY", nil
	p.SetPlan(yen)
	empty := approved(draft)
	empty.State, empty.CurrencyCode, empty.FirstSubmitTime, empty.Limits = planv1.Plan_EDITING, "", nil, nil
	p.SetPlan(empty)
	return p
}

// approved are the terms of an approved plan with a limit of USD 10,000 a month.
func approved(plan string) *planv1.PlanTerms {
	_, id, _ := strings.Cut(plan, "/plans/")
	program, _, _ := strings.Cut(id, ".")
	return &planv1.PlanTerms{
		Plan: plan, Program: "programs/" + program, State: planv1.Plan_APPROVED, CurrencyCode: "USD", TimeZone: "America/Los_Angeles",
		StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30}, LateEarningDays: 90, ResubmissionDays: 90,
		FirstSubmitTime: timestamppb.New(at("2025-07-01T00:00:00Z")),
		Limits:          []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: usd(10_000)}},
	}
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// setClock makes it another time.
func (o *office) setClock(moment string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = at(moment)
}

// at reads a moment.
func at(moment string) time.Time {
	t, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		panic(err)
	}
	return t
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func usd(units int64) *money.Money { return &money.Money{CurrencyCode: "USD", Units: units} }

// earning is one of a plan, earned in April; the month of another moment can be set.
func earning(plan, id string, units int64, earned ...string) *payoutv1.Earning {
	moment := "2026-04-10T12:00:00Z"
	if len(earned) > 0 {
		moment = earned[0]
	}
	return &payoutv1.Earning{Name: plan + "/earnings/" + id, Amount: usd(units), EarnTime: timestamppb.New(at(moment))}
}

// earn records earnings, all of which have to be good.
func (o *office) earn(t *testing.T, earnings ...*payoutv1.Earning) {
	t.Helper()
	response, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: earnings})
	if err != nil {
		t.Fatal(err)
	}
	for i, outcome := range response.GetOutcomes() {
		if outcome.GetState() == payoutv1.EarningOutcome_REJECTED {
			t.Fatalf("%s was rejected: %v", earnings[i].GetName(), outcome.GetStatus())
		}
	}
}

// earnedInApril is what the statement of April says that a plan has earned, in whole units.
func (o *office) earnedInApril(t *testing.T, plan string) int64 {
	t.Helper()
	statement, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: plan + "/statements/2026-04"})
	if err != nil {
		t.Fatal(err)
	}
	return statement.GetEarned().GetUnits()
}

// told is what a caller is told by an error, in short: CODE REASON, and path REASON of each violation.
func told(err error) string {
	if err == nil {
		return "OK"
	}
	s := status.Convert(err)
	text := s.Code().String()
	refusal, ok := errors.AsType[*fault.Error](rpc.FromStatus(s.Err()))
	if !ok {
		return text
	}
	text += " " + refusal.Reason
	for _, f := range refusal.Fields {
		text += fmt.Sprintf("; %s %s", f.Path, f.Reason)
	}
	return text
}

// outcomes are what became of earnings, in short.
func outcomes(all []*payoutv1.EarningOutcome) []string {
	var texts []string
	for _, o := range all {
		if o.GetStatus() != nil {
			texts = append(texts, o.GetState().String()+" "+o.GetEarnedMonth()+told(status.ErrorProto(o.GetStatus())))
			continue
		}
		texts = append(texts, o.GetState().String()+" "+o.GetEarnedMonth())
	}
	return texts
}

// A gatedStore is a store whose commits can be made to wait, or to fail.
type gatedStore struct {
	store.DB

	mu   sync.Mutex
	gate func(context.Context, store.Partition) error
}

func (s *gatedStore) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		if err := gate(ctx, p); err != nil {
			return err
		}
	}
	return s.DB.Commit(ctx, p, b)
}

// set has fn called before each commit, which fails with its error; nil has nothing called.
func (s *gatedStore) set(fn func(context.Context, store.Partition) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = fn
}

// hold makes every commit wait until it is released. No context ends its waiting, as with a slow disk.
func (s *gatedStore) hold() (release func()) {
	released := make(chan struct{})
	s.set(func(context.Context, store.Partition) error {
		<-released
		return nil
	})
	return sync.OnceFunc(func() { close(released) })
}
