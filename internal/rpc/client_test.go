package rpc_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/incentives-dev/incentives/internal/rpc"
)

// Services start in any order, and come back: nobody has to wait long for one that is there.
func TestDial_FindsAServerAfterALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		listener := bufconn.Listen(1 << 16)
		start(t, echoing(), func(s *rpc.Server) { s.Listener = listener })
		conn := dial(t, func(ctx context.Context) (net.Conn, error) {
			if !up.Load() {
				return nil, errors.New("connection refused")
			}
			return listener.DialContext(ctx)
		})
		health := grpc_health_v1.NewHealthClient(conn)
		for range 20 {
			if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
				t.Fatalf("nobody is there: %v, want UNAVAILABLE", err)
			}
			<-time.After(time.Minute)
		}
		up.Store(true)
		back := time.Now()
		if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(back); took > 5*time.Second {
			t.Errorf("a server that was back was found after %s, want 5s at the most", took)
		}
	})
}

// A refusal because something is out is tried again by itself; another one is not.
func TestDial_TriesAgain(t *testing.T) {
	for _, test := range []struct {
		code codes.Code
		want int32
	}{
		{codes.Unavailable, 4}, {codes.Aborted, 1}, {codes.Internal, 1}, {codes.ResourceExhausted, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int32
			server := start(t, failing(func() error {
				calls.Add(1)
				return status.Error(test.code, "no")
			}))
			if err := server.call(t.Context(), nil); status.Code(err) != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
			if got := calls.Load(); got != test.want {
				t.Errorf("%s: the call was made %d times, want %d", test.code, got, test.want)
			}
		})
	}
}
