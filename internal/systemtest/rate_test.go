package systemtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// One caller's streams leave room for those of others, and for more of its own when they have ended.
func TestStreamsOfOneCaller(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	payouts := payoutv1.NewPayoutServiceClient(c.payouts)
	first, end := context.WithCancel(t.Context())
	open := func(ctx context.Context, token string) error {
		stream, err := payouts.StreamEarnings(bearing(ctx, token))
		if err != nil {
			return err
		}
		unknown := &payoutv1.Earning{Name: "partners/contoso/plans/azure.coop.fy26/earnings/x"}
		if err := stream.Send(&payoutv1.StreamEarningsRequest{Earnings: []*payoutv1.Earning{unknown}}); err != nil {
			return err
		}
		_, err = stream.Recv() // it is rejected, and the stream stays open
		return err
	}
	greedy, other := c.token("greedy", "EARNINGS_WRITER", ""), c.token("erp", "EARNINGS_WRITER", "")
	for i := range 12 {
		if err := open(first, greedy); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	if err := open(t.Context(), greedy); status.Code(err) != codes.ResourceExhausted || fault.ReasonOf(rpc.FromStatus(err)) != "TOO_MANY_STREAMS" {
		t.Errorf("one more: %v, want TOO_MANY_STREAMS", err)
	}
	if err := open(t.Context(), other); err != nil {
		t.Errorf("another caller: %v, want a stream", err)
	}
	end()
	for i := range 12 {
		redistest.Await(t, "a stream in place of one that has ended", func(context.Context) error {
			if err := open(t.Context(), greedy); err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
			return nil
		})
	}
	c.stop()
}

// Where Redis is the store, what one caller may do does not grow with the instances that it calls, and a caller that has had its share is told
// when there is more.
func TestRateIsSharedByInstances(t *testing.T) {
	t.Parallel()
	const rate, instances, lasts = 20, 3, 4 * time.Second // slow enough for any machine to be faster
	issuer, url := authtest.New(t), redisServers.Standalone(t).Place()
	token := issuer.Token(t, time.Now(), authtest.Claims{"sub": "erp", "roles": "AUDITOR"})
	services := make([]planv1.PlanServiceClient, instances)
	for i := range services {
		_, _, conn := alone(t, "plansvc", "--listen", anyPort, "--store", url, "--rate-limit", fmt.Sprint(rate), "--oidc-issuer", issuer.URL, "--oidc-audience", authtest.Audience)
		services[i] = planv1.NewPlanServiceClient(conn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var granted, refused atomic.Int64
	var calls sync.WaitGroup
	for i := range 4 * instances {
		calls.Go(func() {
			for ctx.Err() == nil {
				_, err := services[i%instances].ListPrograms(bearing(t.Context(), token), &planv1.ListProgramsRequest{}, grpc.WaitForReady(true))
				refusal, _ := errors.AsType[*fault.Error](rpc.FromStatus(err))
				switch {
				case err == nil:
					granted.Add(1)
				case refusal != nil && refusal.Reason == "RATE_EXCEEDED" && refusal.RetryAfter > 0:
					refused.Add(1)
					<-time.After(5 * time.Millisecond) // sooner than it was told
				default:
					t.Errorf("%v, want an answer, or RESOURCE_EXHAUSTED with the time until there is more", err)
					return
				}
			}
		})
	}
	calls.Wait()
	// Twice the rate at once, then the rate, and what Redis has granted an instance in advance.
	most := int64(2*rate + rate*int(lasts/time.Second) + rate)
	if got := granted.Load(); got > most || got < most/2 || refused.Load() == 0 {
		t.Errorf("%d calls granted by %d instances in %s and %d refused, want %d to %d: one instance would grant as many", got, instances, lasts, refused.Load(), most/2, most)
	}
}
