package rpc

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

// How many connections are open at once. One that is idle costs some 50 kB.
const (
	mostConnections    = 4096
	mostFromOneAddress = 1024
)

// Bounded has a listener close what is above the number of connections that are taken at once, of all and from each
// address, so that others can still connect. Both bounds are far above what an honest client needs.
func Bounded(l net.Listener, log *slog.Logger) net.Listener {
	return &bounded{Listener: l, refusals: NewRefusals(log), open: map[string]int{}}
}

type bounded struct {
	net.Listener

	refusals *Refusals

	mu   sync.Mutex
	all  int
	open map[string]int // by address
}

// Accept waits for a connection that may be taken.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := auth.AddressOf(conn.RemoteAddr().String())
		if b.enter(source) {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { b.leave(source) })}, nil
		}
		b.refusals.Tell(context.Background(), fault.Limit, Refusal{Source: source, Call: "connect", Reason: "TOO_MANY_CONNECTIONS"})
		_ = conn.Close() // if it is gone, that is what was wanted
	}
}

func (b *bounded) enter(source string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all >= mostConnections || b.open[source] >= mostFromOneAddress {
		return false
	}
	b.all++
	b.open[source]++
	return true
}

func (b *bounded) leave(source string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.open[source]--; b.open[source] == 0 {
		delete(b.open, source)
	}
}

type boundedConn struct {
	net.Conn

	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
