package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/incentives-dev/incentives/gateway"
	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc"
	"github.com/incentives-dev/incentives/plansvc"
)

// A System is the whole product in one process: both services and the gateway.
type System struct {
	Listen, Plansvc, Payoutsvc string // the addresses of the gateway and the services, host:port
	PlanStore, PayoutStore     string // URLs
	// ShutdownTimeout is how long to wait on shutdown for what is in flight; each
	// of the three gets its share, since they stop one after the other.
	ShutdownTimeout time.Duration
	Streams         payoutsvc.Streams
	Access          auth.Settings // of who may call
	Limits          limit.Settings
	AllowOrigin     []string // whose pages may use the gateway
	TLS             rpc.TLS  // of the gateway; the services are reached on loopback
	Clock           clock.Clock
	Log             *slog.Logger
	// Listening is told each address that is bound; a port 0 is a real one then.
	Listening func(name, address string)
	// Ready is called, in a goroutine, when the whole can work.
	Ready func(Addresses)
}

// Addresses are those that a System is bound to.
type Addresses struct{ Gateway, Plansvc, Payoutsvc string }

// Names of the parts.
const (
	plansvcName   = "plansvc"
	payoutsvcName = "payoutsvc"
	gatewayName   = "gateway"
)

// Run runs the system until ctx is done or a part fails. Its error is one line for an operator.
func (s System) Run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	s.Access.Internal = rand.Text()
	inside := rpc.TLS{AllowPlaintext: s.TLS.AllowPlaintext}
	var bound Addresses
	share := s.ShutdownTimeout / 3
	parts := []part{
		{plansvcName, func(ctx context.Context, listening func(string)) error {
			return plansvc.Run(ctx, plansvc.Config{
				Listen: s.Plansvc, Store: s.PlanStore, ShutdownTimeout: share, Clock: s.Clock, Log: s.Log,
				Settings: s.Access, Limits: s.Limits, TLS: inside, OnListen: told(&bound.Plansvc, listening),
			})
		}},
		{payoutsvcName, func(ctx context.Context, listening func(string)) error {
			return payoutsvc.Run(ctx, payoutsvc.Config{
				Listen: s.Payoutsvc, Store: s.PayoutStore, Plansvc: bound.Plansvc, Streams: s.Streams, ShutdownTimeout: share, Clock: s.Clock, Log: s.Log,
				Settings: s.Access, Limits: s.Limits, TLS: inside, OnListen: told(&bound.Payoutsvc, listening),
			})
		}},
		{gatewayName, func(ctx context.Context, listening func(string)) error {
			return gateway.Run(ctx, gateway.Config{
				Listen: s.Listen, Plansvc: bound.Plansvc, Payoutsvc: bound.Payoutsvc, ShutdownTimeout: share, Log: s.Log,
				AllowOrigin: s.AllowOrigin, TLS: s.TLS, OnListen: told(&bound.Gateway, listening),
			})
		}},
	}
	return together(ctx, parts, s.Listening, func(ctx context.Context) {
		if awaitReady(ctx, s.scheme()+bound.Gateway+"/readyz") == nil {
			s.Ready(bound)
		}
	})
}

// check returns what is wrong with the settings for one process on one machine, in one line.
func (s System) check() error {
	if len(s.Access.ClientRoles) > 0 {
		return errors.New("--client-roles is of plansvc and payoutsvc: behind one gateway, callers are known by their tokens alone")
	}
	for _, address := range []string{s.Plansvc, s.Payoutsvc} {
		if auth.Exposed(address) && !s.TLS.AllowPlaintext {
			return fmt.Errorf("%s is not on loopback, and serve has TLS for its gateway alone: run plansvc and payoutsvc by themselves", address)
		}
	}
	if auth.Exposed(s.Listen) && s.Access.OIDCIssuer == "" {
		return fmt.Errorf("%s is not on loopback, and without --oidc-issuer whoever reaches it may do anything", s.Listen)
	}
	return rpc.CheckAccess(s.Listen, s.TLS, s.Access) // the gateway is as open as what is behind it
}

// scheme is how the gateway's URLs begin.
func (s System) scheme() string {
	if s.TLS.TLSCert != "" {
		return "https://"
	}
	return "http://"
}

// told passes on an address, and keeps it for the parts that start later.
func told(keep *string, listening func(string)) func(net.Addr) {
	return func(address net.Addr) {
		*keep = address.String()
		listening(*keep)
	}
}

// readyInterval is how often it is asked whether the system is ready.
const readyInterval = 50 * time.Millisecond

// awaitReady returns nil when the URL answers 200, and ctx's error when ctx is done before.
func awaitReady(ctx context.Context, url string) error {
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for {
		if isReady(ctx, url) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// itself is the client for the process' own gateway, whose certificate is for other names than its address.
var itself = &http.Client{Transport: &http.Transport{
	TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}, //nolint:gosec // nothing is told, and nothing believed but a status
}}

func isReady(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := itself.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
