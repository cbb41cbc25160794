package rpc

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

// Bounds are how many connections are open at once.
type Bounds struct{ All, OneAddress int }

// Usual are the bounds of every server.
var Usual = Bounds{All: 4096, OneAddress: 1024}

// Bounded has a listener keep to a number of connections at once, from each address and of all. One that is too many from its
// address is closed. Where there are too many of all, it takes the place of the oldest from the address that has most: a client
// that holds many connections keeps out nobody who wants a few.
func (most Bounds) Bounded(l net.Listener, log *slog.Logger) net.Listener {
	return most.bounded(l, log)
}

func (most Bounds) bounded(l net.Listener, log *slog.Logger) *bounded {
	return &bounded{Listener: l, most: most, refusals: NewRefusals(log), open: map[string][]*boundedConn{}}
}

type bounded struct {
	net.Listener

	most     Bounds
	refusals *Refusals
	closed   atomic.Bool

	mu   sync.Mutex
	all  int
	open map[string][]*boundedConn // by address, in the order in which they came
}

// Accept waits for a connection that may be taken.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := auth.AddressOf(conn.RemoteAddr().String())
		taken, victim := b.enter(conn, source)
		if victim != nil {
			b.tell(victim.source)
			_ = victim.Close() // if it is gone, that is what was wanted
		}
		if taken != nil && b.closed.Load() { // it may have come in behind what Close has cut off
			_ = taken.Close() // as above
			return nil, net.ErrClosed
		}
		if taken != nil {
			return taken, nil
		}
		b.tell(source)
		_ = conn.Close() // likewise
	}
}

func (b *bounded) tell(source string) {
	b.refusals.Tell(context.Background(), fault.Limit, Refusal{Source: source, Call: "connect", Reason: "TOO_MANY_CONNECTIONS"})
}

// enter takes a connection, or returns nil where there are too many. victim is another one, which has to go for it.
func (b *bounded) enter(conn net.Conn, source string) (taken, victim *boundedConn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.open[source]) >= b.most.OneAddress {
		return nil, nil
	}
	if b.all >= b.most.All {
		most := source
		for address, conns := range b.open {
			if len(conns) > len(b.open[most]) {
				most = address
			}
		}
		if most == source {
			return nil, nil
		}
		victim = b.open[most][0]
		b.remove(victim)
	}
	taken = &boundedConn{Conn: conn, source: source, of: b}
	b.open[source] = append(b.open[source], taken)
	b.all++
	return taken, victim
}

// Close ends the listener, and connections whose clients have not said anything yet: a server that stops waits for them, as anybody can
// have it do, a browser that connects ahead of its calls too.
func (b *bounded) Close() error {
	b.closed.Store(true)
	err := b.Listener.Close()
	b.cut(func(c *boundedConn) bool { return !c.heard.Load() })
	return err
}

// cutAll closes all connections. A server can't close those that it has not understood a word of yet.
func (b *bounded) cutAll() { b.cut(func(*boundedConn) bool { return true }) }

func (b *bounded) cut(which func(*boundedConn) bool) {
	b.mu.Lock()
	var cut []*boundedConn
	for _, conns := range b.open {
		for _, conn := range conns {
			if which(conn) {
				cut = append(cut, conn)
			}
		}
	}
	b.mu.Unlock()
	for _, conn := range cut {
		_ = conn.Close() // if it is gone, that is what was wanted
	}
}

// remove takes a connection out, if that has not been done. It is called with b locked.
func (b *bounded) remove(c *boundedConn) {
	i := slices.Index(b.open[c.source], c)
	if i < 0 {
		return
	}
	b.all--
	if b.open[c.source] = slices.Delete(b.open[c.source], i, i+1); len(b.open[c.source]) == 0 {
		delete(b.open, c.source)
	}
}

type boundedConn struct {
	net.Conn

	source string
	of     *bounded
	heard  atomic.Bool // its client has said something
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard.Load() {
		c.heard.Store(true)
	}
	return n, err
}

// CloseWrite is what net/http ends a connection with whose client still sends, so that it can read the answer.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *boundedConn) Close() error {
	c.of.mu.Lock()
	c.of.remove(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
