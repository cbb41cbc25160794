// Package plansvc is the plan service: programs, enrollments and plans, and the
// review of plans.
package plansvc

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/storecopy"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/plansvc/internal/planrpc"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
)

// Config are the settings of the service.
type Config struct {
	Listen          string        `help:"Address to serve gRPC on." default:"127.0.0.1:9001"`
	Store           string        `help:"Store of programs and plans, as a URL." default:"pebble:./incentives-data/plansvc"`
	ShutdownTimeout time.Duration `help:"How long to wait for calls in flight on shutdown." default:"10s"`
	rpc.TLS
	auth.Settings
	Limits limit.Settings `embed:""`

	// OnListen, if set, is told the address that the service listens on.
	OnListen func(net.Addr) `kong:"-"`
	// Clock tells the time; the machine's where it is nil.
	Clock clock.Clock `kong:"-"`
	// Log is where the service reports; slog's default where it is nil.
	Log *slog.Logger `kong:"-"`
}

// cacheSize is what plansvc's store takes of memory: it is mostly read in order, by runs and lists.
const cacheSize = 64 << 20

// Run serves until ctx is done, then finishes what is in flight and returns
// nil. An error is one line for an operator. Of calls that do not end even when they are cut off it returns rpc.ErrAtWork: the process has to
// end then.
func Run(ctx context.Context, config Config) (err error) {
	if config.Clock == nil {
		config.Clock = clock.Real()
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if err := cmp.Or(rpc.CheckAccess(config.Listen, config.TLS, config.Settings), config.Limits.Check()); err != nil {
		return fmt.Errorf("plansvc: %w", err)
	}
	listener, err := rpc.Listen(ctx, config.Listen)
	if err != nil {
		return fmt.Errorf("plansvc: %w", err)
	}
	defer listener.Close()
	db, err := storeurl.Open(config.Store, storeurl.Options{Name: "plansvc", CacheSize: cacheSize, Log: config.Log})
	if err != nil {
		return fmt.Errorf("plansvc: %w", err)
	}
	defer func() { err = rpc.CloseAfter(err, "plansvc", db) }()
	if err := storecopy.CheckWhole(ctx, db); err != nil {
		return fmt.Errorf("plansvc: the store can't be used: %w", err)
	}
	plans := planstore.New(db)
	if config.OnListen != nil {
		config.OnListen(listener.Addr())
	}
	service := planrpc.New(plans, config.Clock)
	guard, err := config.Guard(config.Log, service.Visible)
	if err != nil {
		return fmt.Errorf("plansvc: %w", err)
	}
	guard.SetLimit(limit.New(config.Limits, db, config.Log).Admit)
	connections, err := config.Server(config.Log)
	if err != nil {
		return fmt.Errorf("plansvc: %w", err)
	}
	config.Log.Info("who may call", "service", "plansvc", "is", config.Describe())
	server := rpc.Server{
		Name: "plansvc", Listener: listener, Guard: guard, TLS: connections, Register: service.Register, Ready: plans.Ready,
		Drain: make(chan struct{}), Deadline: config.ShutdownTimeout, Log: config.Log,
	}
	return server.Serve(ctx)
}
