package rpc_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/incentives-dev/incentives/internal/rpc"
)

// A closing store fails as a test says, or not, and knows whether it was asked to.
type closing struct {
	err    error
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return c.err
}

// What a service ends with, and what its store does, are both told; where work goes on, the store is left to it.
func TestCloseAfter(t *testing.T) {
	t.Parallel()
	served, broken := errors.New("test: the listener failed"), errors.New("disk full")
	for name, test := range map[string]struct {
		served, store error
		want          string
		open          bool
	}{
		"nothing fails":               {want: "<nil>"},
		"the service":                 {served: served, want: "test: the listener failed"},
		"the store":                   {store: broken, want: "test: close the store: disk full"},
		"both":                        {served: served, store: broken, want: "test: the listener failed; test: close the store: disk full"},
		"calls go on":                 {served: rpc.ErrAtWork, store: broken, want: "still at work", open: true},
		"the service, and runs go on": {served: rpc.Both(served, rpc.ErrAtWork), want: "test: the listener failed; still at work", open: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &closing{err: test.store}
			err := rpc.CloseAfter(test.served, "test", s)
			if got := fmt.Sprint(err); got != test.want || s.closed == test.open {
				t.Errorf("%s, the store closed: %t; want %s, closed: %t", got, s.closed, test.want, !test.open)
			}
			for _, cause := range []error{test.served, test.store} {
				if cause != nil && !test.open && !errors.Is(err, cause) {
					t.Errorf("%v does not hold %v", err, cause)
				}
			}
		})
	}
}

// A connection whose client says nothing, as anybody can open one, is no work, and one on which little was said is cut off when the
// time to stop is over. The process ends well.
func TestServer_StopsInSpiteOfWhoSaysNothing(t *testing.T) {
	for name, test := range map[string]struct {
		said string
		want time.Duration
	}{
		"nothing":     {"", 0},
		"half a word": {"PRI * HTT", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var listener *bufconn.Listener
				server := start(t, echoing(), func(s *rpc.Server) {
					s.Deadline = 2 * time.Second
					listener, _ = s.Listener.(*bufconn.Listener) // as start made it
				})
				client, err := listener.DialContext(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if _, err := client.Write([]byte(test.said)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				stopped := time.Now()
				server.stop()
				if err := <-server.served; err != nil {
					t.Errorf("Serve: %v, want nil", err)
				}
				if took := time.Since(stopped); took != test.want {
					t.Errorf("Serve returned after %s, want %s", took, test.want)
				}
			})
		})
	}
}
