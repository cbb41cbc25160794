package gateway

import (
	"net/http"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

func TestWatch(t *testing.T) {
	refused, _ := rpc.Status(fault.New(fault.Denied, "ROLE_MISSING", "m"))
	watched := func(stream grpc.ServerStream) (string, error) {
		var request payoutv1.WatchPayoutRunRequest
		err := stream.RecvMsg(&request)
		return request.GetName(), err
	}
	for _, test := range []struct {
		name   string
		states []string
		end    error
		want   []string
	}{
		{"to its end", []string{"a", "b"}, nil, []string{"a", "b", "end"}},
		{"to an error", []string{"a"}, refused.Err(), []string{"a", "error PermissionDenied ROLE_MISSING", "end"}},
		{"nothing", nil, nil, []string{"end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				proceed := make(chan struct{})
				s.payouts.stream = func(stream grpc.ServerStream) error {
					name, err := watched(stream)
					if want := "programs/azure/payoutRuns/2026-05-15"; err != nil || name != want {
						t.Errorf("the service was asked for %q, %v, want %q", name, err, want)
					}
					for _, state := range test.states {
						<-proceed
						if err := stream.SendMsg(&payoutv1.PayoutRun{Name: state}); err != nil {
							return err
						}
					}
					return test.end
				}
				e := s.open(http.MethodGet, runWatch)
				for i, want := range test.want {
					if i < len(test.states) {
						proceed <- struct{}{} // each line comes before the next is there
					}
					e.check(want)
				}
			})
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.payouts.server.Stop()
			if got, want := s.open(http.MethodGet, runWatch).refused(), "503 error Unavailable UNAVAILABLE"; got != want {
				t.Errorf("refused with %s, want %s", got, want)
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.payouts.stream = func(grpc.ServerStream) error { return refused.Err() }
			if got, want := s.open(http.MethodGet, runWatch).refused(), "403 error PermissionDenied ROLE_MISSING"; got != want {
				t.Errorf("refused with %s, want %s", got, want)
			}
		})
	})
}
