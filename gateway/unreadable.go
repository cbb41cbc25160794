package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// unreadable tells the log of requests that net/http refuses by itself, without a word: whose headers can't be read, end twice, are too large or
// do not come, and of TLS handshakes that fail. Their connections have a request that no handler saw when they are closed.
type unreadable struct {
	failures
	requests sync.Map // by connection
}

type connKey struct{}

// watch has a server tell of its connections.
func (u *unreadable) watch(s *http.Server) {
	inside := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Delete(r.Context().Value(connKey{}))
		inside.ServeHTTP(w, r)
	})
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.ConnState = u.follow
}

func (u *unreadable) follow(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateActive: // some of a request has been read, and its handler is not there yet
		u.requests.Store(c, true)
	case http.StateClosed:
		if secured, ok := c.(*tls.Conn); ok && !secured.ConnectionState().HandshakeComplete {
			u.refusals.TellHandshake(c.RemoteAddr(), secured.Handshake()) // what it has failed by, since it is not tried again
		}
		if _, ok := u.requests.LoadAndDelete(c); ok {
			source := auth.AddressOf(c.RemoteAddr().String())
			u.refusals.Tell(context.Background(), fault.Invalid, rpc.Refusal{Source: source, Call: "gateway", Reason: "REQUEST_UNREADABLE"})
		}
	case http.StateNew, http.StateIdle, http.StateHijacked:
	}
}
