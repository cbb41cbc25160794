package payoutsvc_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
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
		StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30}, LateEarningDays: 90,
		FirstSubmitTime: timestamppb.New(at("2026-01-21T00:00:00Z")),
		Limits:          []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: &money.Money{CurrencyCode: "USD", Units: 10_000}}},
	})
	return p
}

// servePlansvc serves a plansvc on an address until stop is called.
func servePlansvc(t *testing.T, p *termstest.Plansvc, address string) (stop func()) {
	t.Helper()
	listener, err := rpc.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.Server{
		Name: "plansvc", Listener: listener, Ready: func(context.Context) error { return nil },
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
func freeAddress(t *testing.T) string {
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
	log    *watchedLog
}

// start runs the service in a folder at a time.
func start(t *testing.T, folder, plansvc, now string, change ...func(*payoutsvc.Config)) *service {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &service{stop: stop, done: make(chan error, 1), log: &watchedLog{seen: map[string]chan struct{}{}}}
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
		conn, err := rpc.Dial(a.String())
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

// A watchedLog keeps what is logged, and tells when something is.
type watchedLog struct {
	mu   sync.Mutex
	seen map[string]chan struct{} // by message: closed when it was logged
}

func (l *watchedLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *watchedLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *watchedLog) WithGroup(string) slog.Handler            { return l }

func (l *watchedLog) Handle(_ context.Context, record slog.Record) error {
	l.of(record.Message, true)
	return nil
}

// of returns what is closed when a message was logged, and closes it now if it is.
func (l *watchedLog) of(message string, logged bool) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, ok := l.seen[message]
	if !ok {
		seen = make(chan struct{})
		l.seen[message] = seen
	}
	select {
	case <-seen:
	default:
		if logged {
			close(seen)
		}
	}
	return seen
}

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// The services start in any order, and one that is out and back is found again.
func TestRun_BeforePlansvc(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z")
	becomes := s.watch(t)
	becomes(notServing)
	if err := rpc.FromStatus(s.record(bounded(t), "a")); fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("without plansvc an earning is answered with %v, want PLANSVC_UNAVAILABLE", err)
	}
	stop := servePlansvc(t, plansvc, address)
	becomes(serving)
	if err := s.record(bounded(t), "a"); err != nil {
		t.Errorf("with plansvc an earning is answered with %v, want it recorded", err)
	}
	stop()
	becomes(notServing)
	if err := s.record(bounded(t), "b"); err != nil {
		t.Errorf("a plan that is remembered takes no earnings while plansvc is out: %v", err)
	}
	servePlansvc(t, plansvc, address)
	becomes(serving)
	s.checkEnd(t)
}

// A run that was missed while the service was down is started with it, and what was recorded is paid.
func TestR1_RunStartsWhatWasMissed(t *testing.T) {
	plansvc, address, folder := newPlansvc(), freeAddress(t), t.TempDir()
	servePlansvc(t, plansvc, address)
	before := start(t, folder, address, "2026-05-14T00:00:00Z")
	if err := before.record(bounded(t), "a"); err != nil {
		t.Fatal(err)
	}
	before.checkEnd(t)

	after := start(t, folder, address, "2026-05-20T00:00:00Z")
	ctx := bounded(t)
	select { // the runs of February to April come first, in one line each
	case <-after.log.of("payout run is due", false):
	case <-ctx.Done():
		t.Fatal("no run is started")
	}
	var got *payoutv1.PayoutRun
	for got.GetState() != payoutv1.PayoutRun_SUCCEEDED {
		var err error
		got, err = after.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got.GetName() != run || got.GetPayoutsCount() != 1 {
		t.Errorf("the run is %v, want one payout", got)
	}
	after.checkEnd(t)
}

// What is in flight when the service is told to stop is answered, and Run returns nil.
func TestRun_FinishesWhatIsInFlight(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	servePlansvc(t, plansvc, address)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z")
	becomes := s.watch(t)
	becomes(serving)
	begun, end := hold(plansvc)
	answer := make(chan error, 1)
	go func() { answer <- s.record(bounded(t), "a") }()
	<-begun
	s.stop()
	becomes(notServing)
	select {
	case err := <-s.done:
		t.Fatalf("Run has returned %v while a call was in flight", err)
	default:
	}
	end()
	if err := <-answer; err != nil {
		t.Errorf("the call that was in flight: %v, want its answer", err)
	}
	s.checkEnd(t)
}

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

// What does not come to an end is cut off.
func TestRun_CutsOffWhatTakesTooLong(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	servePlansvc(t, plansvc, address)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z", func(c *payoutsvc.Config) { c.ShutdownTimeout = 50 * time.Millisecond })
	begun, end := hold(plansvc)
	defer end()
	answer := make(chan error, 1)
	go func() { answer <- s.record(bounded(t), "a") }()
	<-begun
	s.checkEnd(t)
	if err := <-answer; status.Code(err) != codes.Unavailable {
		t.Errorf("the call that was cut off: %v, want UNAVAILABLE, so that it is made again", err)
	}
}

// A run that is at work when the service is told to stop goes on with the next process.
func TestR1_RunGoesOnWithTheNextProcess(t *testing.T) {
	plansvc, address, folder := newPlansvc(), freeAddress(t), t.TempDir()
	servePlansvc(t, plansvc, address)
	first := start(t, folder, address, "2026-05-10T00:00:00Z")
	if err := first.record(bounded(t), "a"); err != nil {
		t.Fatal(err)
	}
	begun, end := hold(plansvc)
	create := make(chan *payoutv1.PayoutRun, 1)
	go func() {
		created, err := first.CreatePayoutRun(bounded(t), &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"})
		if err != nil {
			t.Error(err)
		}
		create <- created
	}()
	<-begun
	first.checkEnd(t)
	if got := (<-create).GetState(); got != payoutv1.PayoutRun_RUNNING {
		t.Errorf("who started the run is told %s, want RUNNING", got)
	}
	end()

	second := start(t, folder, address, "2026-05-10T00:00:00Z")
	stream, err := second.WatchPayoutRun(bounded(t), &payoutv1.WatchPayoutRunRequest{Name: run})
	if err != nil {
		t.Fatal(err)
	}
	var last *payoutv1.PayoutRun
	for got, err := stream.Recv(); err == nil; got, err = stream.Recv() {
		last = got
	}
	if last.GetState() != payoutv1.PayoutRun_SUCCEEDED || last.GetPayoutsCount() != 1 {
		t.Errorf("in the end the run is %v, want it SUCCEEDED with one payout", last)
	}
	second.checkEnd(t)
}

func TestRun_CannotStart(t *testing.T) {
	taken, err := rpc.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	held := filepath.Join(t.TempDir(), "held")
	db, err := pebblestore.Open(held, pebblestore.Options{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	free, fresh := freeAddress(t), filepath.Join(t.TempDir(), "fresh")
	for _, test := range []struct {
		name, listen, store string
		want                string
		is                  error
	}{
		{
			"the port is in use", taken.Addr().String(), "pebble:" + fresh,
			"payoutsvc: can't listen on " + taken.Addr().String() + ": bind: address already in use", nil,
		},
		{
			"the store is held by another", free, "pebble:" + held,
			"payoutsvc: store folder " + held + ": the store is in use by this process already", store.ErrInUse,
		},
		{"no store", free, "", `payoutsvc: store "" is no URL of a store`, nil},
		{"an unknown store", free, "postgres://localhost", `payoutsvc: store "postgres://localhost" has the unknown scheme "postgres"`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := payoutsvc.Run(bounded(t), payoutsvc.Config{
				Listen: test.listen, Store: test.store, Plansvc: free, ShutdownTimeout: time.Second, Log: slog.New(slog.DiscardHandler),
				OnListen: func(net.Addr) { t.Error("it says that it listens") },
			})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Run: %v, want one line: %s", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Run: %v, want it to be %v", err, test.is)
			}
			if listener, err := rpc.Listen(t.Context(), free); err != nil {
				t.Errorf("after that the address is not free: %v", err)
			} else {
				listener.Close()
			}
		})
	}
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a service that could not listen has made its store: %v", err)
	}
}

// What holds the store lets go of it when Run is over.
func TestRun_LetsGoOfItsStore(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	s := start(t, folder, freeAddress(t), "2026-05-10T00:00:00Z")
	if _, err := pebblestore.Open(folder, pebblestore.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("while it runs the store can be opened: %v, want %v", err, store.ErrInUse)
	}
	s.checkEnd(t)
	db, err := pebblestore.Open(folder, pebblestore.Options{})
	if err != nil {
		t.Fatalf("when it is over the store can't be opened: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
