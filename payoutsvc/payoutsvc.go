// Package payoutsvc is the payout service: it records what plans earn, and pays
// it on the 15th of the following month.
package payoutsvc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/storecopy"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payoutrpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Config are the settings of the service.
type Config struct {
	Listen          string        `help:"Address to serve gRPC on." default:"127.0.0.1:9002"`
	Store           string        `help:"Store of earnings and payouts, as a URL." default:"pebble:./incentives-data/payoutsvc"`
	Plansvc         string        `help:"Address of plansvc, which knows the terms of plans." default:"127.0.0.1:9001"`
	ShutdownTimeout time.Duration `help:"How long to wait for calls in flight on shutdown." default:"10s"`
	rpc.TLS
	auth.Settings
	Limits limit.Settings `embed:""`
	Streams

	// OnListen, if set, is told the address that the service listens on.
	OnListen func(net.Addr) `kong:"-"`
	// Clock tells the time; the machine's where it is nil.
	Clock clock.Clock `kong:"-"`
	// Log is where the service reports; slog's default where it is nil.
	Log *slog.Logger `kong:"-"`
}

const (
	patience      = 2 * time.Second        // of CreatePayoutRun, as its proto says
	watchInterval = 300 * time.Millisecond // of WatchPayoutRun
)

// Run serves until ctx is done, then finishes what is in flight and returns
// nil. It starts without plansvc, and is ready when plansvc is and lets it in. An
// error is one line for an operator. Of calls or runs that do not end even when they are cut off it returns rpc.ErrAtWork: the process has to
// end then.
func Run(ctx context.Context, config Config) (err error) {
	if config.Clock == nil {
		config.Clock = clock.Real()
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	wrong := cmp.Or(rpc.CheckAccess(config.Listen, config.TLS, config.Settings), config.CheckTarget("plansvc", config.Plansvc), config.Limits.Check())
	if wrong != nil {
		return fmt.Errorf("payoutsvc: %w", wrong)
	}
	guard, err := config.Guard(config.Log, auth.OwnPartners)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	connections, err := config.Server(config.Log)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	listener, err := rpc.Listen(ctx, config.Listen)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	defer listener.Close()
	db, err := storeurl.Open(config.Store, storeurl.Options{Name: "payoutsvc", Log: config.Log})
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	defer func() { err = rpc.CloseAfter(err, "payoutsvc", db) }()
	guard.SetLimit(limit.New(config.Limits, db, config.Log).Admit)
	if err := storecopy.CheckWhole(ctx, db); err != nil {
		return fmt.Errorf("payoutsvc: the store can't be used: %w", err)
	}
	credentials, err := config.DialOption(config.Log)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	plansvc, err := rpc.Dial(config.Plansvc, append(config.CallOptions(), credentials)...)
	if err != nil {
		return fmt.Errorf("payoutsvc: plansvc at %q: %w", config.Plansvc, err)
	}
	defer plansvc.Close()
	streams, err := config.dial(ctx, config.Log)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	if streams != nil {
		defer streams.Client.Close()
	}
	plans, err := terms.New(planv1.NewPlanServiceClient(plansvc), config.Clock)
	if err != nil {
		return fmt.Errorf("payoutsvc: %w", err)
	}
	if config.OnListen != nil {
		config.OnListen(listener.Addr())
	}
	return config.serve(ctx, listener, parts{db: db, plansvc: plansvc, terms: plans, streams: streams, guard: guard, tls: connections})
}

// parts are what the service is made of, and has to be closed when it is over.
type parts struct {
	db      store.DB
	plansvc *grpc.ClientConn
	terms   *terms.Client
	streams *queue.Queue // nil where there are none
	guard   *auth.Guard
	tls     *tls.Config // nil for plain text
}

// serve answers calls and carries out payout runs until ctx is done, and
// returns when neither is in flight any more.
func (c Config) serve(ctx context.Context, listener net.Listener, p parts) error {
	book := ledger.New(p.db)
	worker := ""
	if storeurl.IsShared(c.Store) {
		worker = rand.Text()
	}
	runner := schedule.NewRunner(&ledger.Worker{Name: worker, Ledger: book, Terms: p.terms, Clock: c.Clock, Wait: wait, Log: c.Log})
	scheduler := schedule.Scheduler{
		Programs: p.terms.Programs, LastScheduled: book.LastScheduled, Start: runner.Start, Clock: c.Clock, Wait: wait, Log: c.Log,
	}
	c.Log.Info("who may call", "service", "payoutsvc", "is", c.Describe())
	drain := make(chan struct{})
	service := &payoutrpc.Service{
		Ledger: book, Terms: p.terms, Runner: runner, Clock: c.Clock, Log: c.Log,
		Drain: drain, Patience: patience, WatchInterval: watchInterval,
	}
	server := rpc.Server{
		Name: "payoutsvc", Listener: listener, Guard: p.guard, TLS: p.tls, Ready: p.ready, Drain: drain, Deadline: c.ShutdownTimeout, Log: c.Log,
		Register: func(r grpc.ServiceRegistrar) { payoutv1.RegisterPayoutServiceServer(r, service) },
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := inBackground(func() { runner.Run(ctx) }, func() { scheduler.Run(ctx) }, func() { c.take(ctx, p.streams, service) })
	err := server.Serve(ctx)
	stop()
	if rpc.Overtime(c.ShutdownTimeout, ended) {
		return err
	}
	c.Log.Error("payout runs or earnings of streams did not end when they were told to", "service", "payoutsvc")
	return rpc.Both(err, fmt.Errorf("payoutsvc: payout runs or earnings of streams are %w", rpc.ErrAtWork))
}

// inBackground does some work; ended is closed when all of it is over.
func inBackground(work ...func()) (ended chan struct{}) {
	ended = make(chan struct{})
	var group sync.WaitGroup
	for _, do := range work {
		group.Go(do)
	}
	go func() {
		group.Wait()
		close(ended)
	}()
	return ended
}

// ready says why the service can't work now: its store or plansvc is out, or plansvc does not let it in.
func (p parts) ready(ctx context.Context) error {
	// What the key holds does not matter, nor whether there is one.
	if _, err := p.db.Get(ctx, 0, store.Key{Collection: "ready"}); err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	answer, err := grpc_health_v1.NewHealthClient(p.plansvc).Check(ctx, &grpc_health_v1.HealthCheckRequest{
		Service: planv1.PlanService_ServiceDesc.ServiceName,
	})
	if err != nil {
		return fmt.Errorf("plansvc at %s can't be reached", p.plansvc.Target())
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("plansvc at %s is not ready", p.plansvc.Target())
	}
	// Health is for everybody, and terms are not. There need be no such plan; what else fails, plansvc's health has said.
	_, err = planv1.NewPlanServiceClient(p.plansvc).BatchGetPlanTerms(ctx, &planv1.BatchGetPlanTermsRequest{Plans: []string{"partners/ready/plans/a.b.c"}})
	if code := status.Code(err); code == codes.Unauthenticated || code == codes.PermissionDenied {
		return fmt.Errorf("plansvc at %s refuses this service, which has to be an AUDITOR there: %s", p.plansvc.Target(), code)
	}
	return nil
}

// wait returns after a duration, or with the context's error when that is done earlier.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
