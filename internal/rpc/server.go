package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
)

// What a connection may cost.
const (
	maxHeaders        = 24 << 10         // bytes of a call's headers
	workers           = 128              // goroutines kept for calls: others have to grow their stack first
	handshakePatience = 10 * time.Second // until it says something
	maxIdle           = 15 * time.Minute // without a call
	maxAge            = 30 * time.Minute // so that a certificate that was replaced is soon out of use; calls in flight are finished
	probeAfter        = time.Minute      // of silence, to see whether anybody is there
	probePatience     = 20 * time.Second // for the answer to that
)

// mostCalls is how many calls a connection may have at once. A gateway has one connection, for the calls of all the connections that it has: else
// a few callers who have as many calls in flight as each of them may would leave others none. How many a caller may have is not for this to say.
func mostCalls() uint32 {
	const own = 8 // such as whether the service can work
	return uint32(Usual.All) + own
}

// readyInterval is how often a server asks whether it can work.
const readyInterval = 500 * time.Millisecond

// A Server is one gRPC server: its services, health and reflection. It says
// SERVING only while it can work, answers what is in flight before it stops,
// and tells long streams to come to an end.
type Server struct {
	Name     string       // of the service, as its clients know it
	Listener net.Listener // made by Listen; Serve closes it
	// Guard holds every call to its method's policy.
	Guard *auth.Guard
	// TLS is what connections are made with; in plain text where it is nil.
	TLS *tls.Config
	// Register adds the services.
	Register func(grpc.ServiceRegistrar)
	// Ready says why the server can't work now, nil where it can. It is asked
	// twice a second, and its context ends with the interval.
	Ready func(context.Context) error
	// Drain is closed when the server begins to stop, before it waits for
	// what is in flight: a long stream ends then.
	Drain chan struct{}
	// Deadline is how long the server waits for what is in flight.
	Deadline time.Duration
	Log      *slog.Logger

	refusals *Refusals
	failures *Refusals                // apart, so that strangers can't keep them out of the log
	methods  map[string]*atomic.Int64 // how many handlers are at work on each, by their full names
	refused  limit.Places             // of calls that are refused by an interceptor, by address
}

// Listen opens an address for a server. Its error is one line for an operator.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w", address, errors.Unwrap(err))
	}
	return listener, nil
}

// Draining is what a stream ends with when its server stops.
func Draining() error {
	return fault.New(fault.Unavailable, "SERVER_STOPPING", "the server is stopping: send what was not answered again")
}

// Serve serves until ctx is done or the listener fails, then stops. It returns
// when nothing is in flight any more: after the deadline all that is left is cut
// off, and its handlers have to notice by their contexts. Where they do not, it
// returns ErrAtWork, and they go on.
func (s *Server) Serve(ctx context.Context) error {
	s.refusals, s.failures = NewRefusals(s.Log), NewRefusals(s.Log)
	options := []grpc.ServerOption{
		grpc.InTapHandle(s.tap),
		grpc.ChainUnaryInterceptor(s.unary, s.Guard.Unary, checked),
		grpc.ChainStreamInterceptor(s.stream, s.Guard.Stream),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(hardMessageLimit),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(mostCalls()),
		grpc.ConnectionTimeout(handshakePatience),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: maxIdle, MaxConnectionAge: maxAge, Time: probeAfter, Timeout: probePatience}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.NumStreamWorkers(workers),
	}
	by := insecure.NewCredentials()
	if s.TLS != nil {
		by = credentials.NewTLS(s.TLS)
	}
	options = append(options, grpc.Creds(witnessed{by, s.refusals}))
	server := grpc.NewServer(options...)
	s.Register(registrar{server})
	reflection.Register(server)
	if err := s.Guard.Protect(server); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	state := newState(server, s.Drain)
	s.methods = map[string]*atomic.Int64{}
	for service, info := range server.GetServiceInfo() {
		for _, method := range info.Methods {
			s.methods["/"+service+"/"+method.Name] = &atomic.Int64{}
		}
	}

	watched, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go s.watchReadiness(watched, state)

	failed := make(chan error, 1)
	listener := Usual.bounded(s.Listener, s.Log)
	go func() { failed <- server.Serve(listener) }()
	var failure error
	select {
	case err := <-failed:
		failure = fmt.Errorf("%s on %s: %w", s.Name, s.Listener.Addr(), err)
	case <-ctx.Done():
	}
	state.Shutdown()
	close(s.Drain)
	return Both(failure, s.stop(server, listener))
}

// watchReadiness keeps the state of all services up to date.
func (s *Server) watchReadiness(ctx context.Context, state *state) {
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for was := ""; ; {
		asked, cancel := context.WithTimeout(ctx, readyInterval)
		err := s.Ready(asked)
		cancel()
		if ctx.Err() != nil {
			return
		}
		status, is := grpc_health_v1.HealthCheckResponse_SERVING, "ready"
		if err != nil {
			status, is = grpc_health_v1.HealthCheckResponse_NOT_SERVING, err.Error()
		}
		if is != was {
			s.Log.Info("readiness", "service", s.Name, "is", is)
			was = is
		}
		state.set(status)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
