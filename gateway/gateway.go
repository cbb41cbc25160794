package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/incentives-dev/incentives/internal/rpc"
)

// Config are the settings of the gateway.
type Config struct {
	Listen          string        `help:"Address to serve JSON over HTTP on." default:"127.0.0.1:8080"`
	Plansvc         string        `help:"Address of plansvc." default:"127.0.0.1:9001"`
	Payoutsvc       string        `help:"Address of payoutsvc." default:"127.0.0.1:9002"`
	ShutdownTimeout time.Duration `help:"How long to wait for calls in flight on shutdown." default:"10s"`
	AllowOrigin     []string      `help:"Origins whose pages may use the API, such as https://partners.example.com; none by default." placeholder:"URL"`
	rpc.TLS

	// OnListen, if set, is told the address that the gateway listens on.
	OnListen func(net.Addr) `kong:"-"`
	// Log is where the gateway reports; slog's default where it is nil.
	Log *slog.Logger `kong:"-"`
}

const (
	// headerTime is how long a client may take to send a request's header.
	headerTime = 10 * time.Second
	// idleTime is how long a connection is kept for the next request.
	idleTime = 2 * time.Minute
	// partingTime is how long a client that still sends is given to read why nobody listens.
	partingTime = 500 * time.Millisecond
	// headerLimit is the size of the largest header, in bytes.
	headerLimit = 16 << 10
)

// Run serves until ctx is done, then finishes what is in flight and returns
// nil. It starts without the services, and is ready when they are. An error is
// one line for an operator.
func Run(ctx context.Context, config Config) error {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	reached := cmp.Or(config.CheckTarget("plansvc", config.Plansvc), config.CheckTarget("payoutsvc", config.Payoutsvc))
	if err := cmp.Or(config.Check(config.Listen), reached); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	listener, err := rpc.Listen(ctx, config.Listen)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	defer listener.Close()
	if listener, err = config.Wrap(rpc.Usual.Bounded(listener, config.Log), config.Log); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	credentials, err := config.DialOption(config.Log)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	plans, err := rpc.Dial(config.Plansvc, credentials)
	if err != nil {
		return fmt.Errorf("gateway: plansvc at %q: %w", config.Plansvc, err)
	}
	defer plans.Close()
	payouts, err := rpc.Dial(config.Payoutsvc, credentials)
	if err != nil {
		return fmt.Errorf("gateway: payoutsvc at %q: %w", config.Payoutsvc, err)
	}
	defer payouts.Close()
	told := failures{log: config.Log, refusals: rpc.NewRefusals(config.Log)}
	calls, err := newMux(&mux{failures: told, plans: plans, payouts: payouts, stopping: ctx})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	handler, err := newDoor(told, config.AllowOrigin, calls)
	if err != nil {
		return fmt.Errorf("gateway: --allow-origin: %w", err)
	}
	if config.OnListen != nil {
		config.OnListen(listener.Addr())
	}
	return config.serve(ctx, listener, handler)
}

// serve serves until ctx is done, and returns when nothing is in flight any more or the deadline has passed.
func (c Config) serve(ctx context.Context, listener net.Listener, handler *door) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerLimit,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug), // of clients that do not speak HTTP
	}
	(&unreadable{failures: handler.failures}).watch(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("gateway on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(deadline); errors.Is(err, context.DeadlineExceeded) {
		c.Log.Warn("calls were cut off", "service", "gateway", "deadline", c.ShutdownTimeout)
		return server.Close()
	} else if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// in is a deadline.
func in(d time.Duration) time.Time { return time.Now().Add(d) }
