package rpc_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
)

const mostFromOneAddress, mostConnections = 20, 50

// A crowd connects to a bounded listener.
type crowd struct {
	*testing.T
	address  string
	accepted chan net.Conn
	log      *logtest.Journal
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	var config net.ListenConfig
	plain, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{T: t, address: plain.Addr().String(), accepted: make(chan net.Conn, 2*mostConnections), log: &logtest.Journal{}}
	listener := rpc.Bounds{All: mostConnections, OneAddress: mostFromOneAddress}.Bounded(plain, logger(c.log))
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.accepted <- conn
		}
	}()
	return c
}

// connect connects from an address.
func (c *crowd) connect(from string) net.Conn {
	c.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(c.Context(), "tcp", c.address)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	return conn
}

// wantTaken waits for so many connections to be taken, and returns the last.
func (c *crowd) wantTaken(n int) (last net.Conn) {
	c.Helper()
	for i := range n {
		select {
		case last = <-c.accepted:
		case <-time.After(5 * time.Second):
			c.Fatalf("%d connections were taken, want %d", i, n)
		}
	}
	return last
}

// wantClosed waits for the other side to close a connection.
func (c *crowd) wantClosed(what string, conn net.Conn) {
	c.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		c.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if timeout, ok := errors.AsType[net.Error](err); err == nil || ok && timeout.Timeout() {
		c.Errorf("%s is still open", what)
	}
}

func TestBounded_OneAddress(t *testing.T) {
	c := newCrowd(t)
	for range mostFromOneAddress {
		c.connect("127.0.0.1")
	}
	held := c.wantTaken(mostFromOneAddress)
	for range 10 {
		c.wantClosed("a connection above the bound of an address", c.connect("127.0.0.1"))
	}
	if lines := c.log.Lines("TOO_MANY_CONNECTIONS"); len(lines) != 1 {
		t.Errorf("%d lines of it are in the log, want one: %q", len(lines), lines)
	}
	c.connect("127.0.0.2")
	c.wantTaken(1)
	held.Close()
	held.Close() // twice is once
	c.connect("127.0.0.1")
	c.wantTaken(1)
	c.wantClosed("one that takes a place that became free a second time", c.connect("127.0.0.1"))
}

func TestBounded_ManyAddresses(t *testing.T) {
	c := newCrowd(t)
	first := c.connect("127.0.0.2")
	for range mostFromOneAddress - 1 {
		c.connect("127.0.0.2")
	}
	for i := range mostConnections - mostFromOneAddress {
		c.connect(fmt.Sprintf("127.0.0.%d", 3+i%5))
	}
	c.wantTaken(mostConnections)
	c.connect("127.0.0.1")
	c.wantTaken(1)
	c.wantClosed("the oldest of the address that has most", first)
	c.wantClosed("one more of that address", c.connect("127.0.0.2")) // it has one less, and still the most
}

// A late listener has a connection that comes while it is closed.
type late struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *late) Accept() (net.Conn, error) {
	<-l.closed
	return l.conn, nil
}

func (l *late) Close() error {
	close(l.closed)
	return nil
}

func (*late) Addr() net.Addr { return &net.TCPAddr{} }

// A server that stops would wait for a connection whose client says nothing, also for one that it has only just taken.
func TestBounded_ComesWhileItCloses(t *testing.T) {
	client, conn := net.Pipe()
	defer client.Close()
	listener := rpc.Usual.Bounded(&late{conn: conn, closed: make(chan struct{})}, logger(&logtest.Journal{}))
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if taken, err := listener.Accept(); taken != nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("it is taken: %v, %v", taken, err)
	}
	if err := conn.SetDeadline(time.Time{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("it is still open: %v", err)
	}
}
