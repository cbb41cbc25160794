package rpc_test

import (
	"errors"
	"fmt"
	"testing"

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
