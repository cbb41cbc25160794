package payoutsvc_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms/termstest"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	plan = "partners/contoso/plans/azure.coop.fy26"
	run  = "programs/azure/payoutRuns/2026-05-15"
)

// newPlansvc knows one program, created in January 2026, and one plan, which is approved.
func newPlansvc() *termstest.Plansvc {
	p := &termstest.Plansvc{}
	p.SetProgram(&planv1.Program{
		Name: "programs/azure", TimeZone: "America/Los_Angeles", HasPlans: true, CreateTime: timestamppb.New(at("2026-01-20T00:00:00Z")),
	})
	p.SetPlan(&planv1.PlanTerms{
		Plan: plan, Program: "programs/azure", State: planv1.Plan_APPROVED, CurrencyCode: "USD", TimeZone: "America/Los_Angeles",
		StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30}, LateEarningDays: 90, ResubmissionDays: 90,
		FirstSubmitTime: timestamppb.New(at("2026-01-21T00:00:00Z")),
		Limits:          []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: &money.Money{CurrencyCode: "USD", Units: 10_000}}},
	})
	return p
}

// servePlansvc serves a plansvc on an address until stop is called.
func servePlansvc(t testing.TB, p *termstest.Plansvc, address string) (stop func()) {
	t.Helper()
	listener, err := rpc.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.Server{
		Name: "plansvc", Listener: listener, Guard: auth.Open(), Ready: func(context.Context) error { return nil },
		Drain: make(chan struct{}), Deadline: time.Second, Log: slog.New(slog.DiscardHandler),
		Register: func(r grpc.ServiceRegistrar) { planv1.RegisterPlanServiceServer(r, p) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() {
		cancel()
		serving.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// freeAddress is one that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := rpc.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// A service is payoutsvc as it runs in a process.
type service struct {
	payoutv1.PayoutServiceClient

	health grpc_health_v1.HealthClient
	stop   context.CancelFunc // as an operator stops it
	done   chan error         // what Run returned
	log    watchedLog
}

// start runs the service in a folder at a time.
func start(t testing.TB, folder, plansvc, now string, change ...func(*payoutsvc.Config)) *service {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &service{stop: stop, done: make(chan error, 1), log: watchedLog{seen: &seen{lines: map[string]chan struct{}{}}}}
	address := make(chan net.Addr, 1)
	config := payoutsvc.Config{
		Listen: "127.0.0.1:0", Store: "pebble:" + folder, Plansvc: plansvc, ShutdownTimeout: 10 * time.Second,
		OnListen: func(a net.Addr) { address <- a }, Log: slog.New(s.log),
		Clock: func() time.Time { return at(now) },
	}
	for _, set := range change {
		set(&config)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.done <- payoutsvc.Run(ctx, config)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	select {
	case a := <-address:
		conn, err := rpc.Dial(a.String(), grpc.WithDisableRetry()) // so that the first answer is seen
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		s.PayoutServiceClient, s.health = payoutv1.NewPayoutServiceClient(conn), grpc_health_v1.NewHealthClient(conn)
	case err := <-s.done:
		t.Fatal(err)
	}
	return s
}

// at reads a moment.
func at(moment string) time.Time {
	t, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		panic(err)
	}
	return t
}

// bounded is long enough for anything that is to happen, and ends a test in which it does not.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// watch tells of the service's health.
func (s *service) watch(t *testing.T) func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	stream, err := s.health.Watch(bounded(t), &grpc_health_v1.HealthCheckRequest{Service: payoutv1.PayoutService_ServiceDesc.ServiceName})
	if err != nil {
		t.Fatal(err)
	}
	return func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			got, err := stream.Recv()
			if err != nil {
				t.Fatalf("the service does not become %s: %v", want, err)
			}
			if got.GetStatus() == want {
				return
			}
		}
	}
}

func (s *service) record(ctx context.Context, id string) error {
	_, err := s.RecordEarning(ctx, &payoutv1.RecordEarningRequest{Parent: plan, EarningId: id, Earning: &payoutv1.Earning{
		Amount: &money.Money{CurrencyCode: "USD", Units: 5}, EarnTime: timestamppb.New(at("2026-04-10T00:00:00Z")),
	}})
	return err
}

// checkEnd stops the service, and checks that this is no error.
func (s *service) checkEnd(t *testing.T) {
	t.Helper()
	s.stop()
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("Run: %v, want nil after its context is done", err)
		}
	case <-bounded(t).Done():
		t.Fatal("Run does not return when its context is done")
	}
}

// A watchedLog tells when something was logged.
type watchedLog struct {
	*seen

	payDate string // that all of it is about
}

// seen are the messages that were logged, each with the pay date that it is about.
type seen struct {
	mu    sync.Mutex
	lines map[string]chan struct{} // closed when it was logged
}

func (l watchedLog) Enabled(context.Context, slog.Level) bool { return true }
func (l watchedLog) WithGroup(string) slog.Handler            { return l }

func (l watchedLog) WithAttrs(attributes []slog.Attr) slog.Handler {
	for _, a := range attributes {
		if a.Key == "pay_date" {
			l.payDate = a.Value.String()
		}
	}
	return l
}

func (l watchedLog) Handle(_ context.Context, record slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.line(record.Message + " " + l.payDate)
	select {
	case <-line:
	default:
		close(line)
	}
	return nil
}

func (s *seen) line(text string) chan struct{} {
	if s.lines[text] == nil {
		s.lines[text] = make(chan struct{})
	}
	return s.lines[text]
}

// wait returns when a message about a pay date was logged.
func (s *seen) wait(t *testing.T, message, payDate string) {
	t.Helper()
	s.mu.Lock()
	line := s.line(message + " " + payDate)
	s.mu.Unlock()
	select {
	case <-line:
	case <-bounded(t).Done():
		t.Fatalf("%q was not logged of %s", message, payDate)
	}
}

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// hold makes plansvc wait when it is asked for terms: begun tells of the first time, and end ends it.
func hold(plansvc *termstest.Plansvc) (begun <-chan struct{}, end func()) {
	asked, released := make(chan struct{}), make(chan struct{})
	var once sync.Once
	plansvc.Asked()
	plansvc.Before(func(ctx context.Context) error {
		if plansvc.Asked() == nil {
			return nil
		}
		once.Do(func() { close(asked) })
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return asked, sync.OnceFunc(func() { close(released) })
}
