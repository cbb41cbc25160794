package systemtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/time/rate"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	greedyStreams = 12   // as many as one caller may have
	greedyCalls   = 240  // batches without a stream, at once: with the streams, all but as many calls as one caller may have in flight
	greedyBatch   = 5000 // earnings, as many as a batch may hold
)

// batchOf is one of earnings of the plan that were not recorded before.
func (a *attacked) batchOf(n int) []*payoutv1.Earning {
	earnings := make([]*payoutv1.Earning, n)
	plan, at, first := strings.TrimPrefix(a.plan, "/v1/"), timestamppb.Now(), a.recorded.Add(int64(n))
	for i := range earnings {
		earnings[i] = &payoutv1.Earning{
			Name: fmt.Sprintf("%s/earnings/%d", plan, first-int64(i)), Amount: &money.Money{CurrencyCode: "USD", Units: 1}, EarnTime: at,
		}
	}
	return earnings
}

// greed has a caller who is known send batches as fast as they are answered, on all streams that it may have and beside them,
// until ctx is done. It returns how many earnings were taken of it.
func (a *attacked) greed(ctx context.Context) int64 {
	token := a.long("greedy", "EARNINGS_WRITER", "")
	payouts := payoutv1.NewPayoutServiceClient(dial(a.T, a.paysvc)) // not the connection of those who mean well
	var taken atomic.Int64
	var all sync.WaitGroup
	goOn := func(send func() error) {
		all.Go(func() {
			for ctx.Err() == nil {
				err := send()
				switch code := status.Code(err); {
				case err == nil:
					taken.Add(greedyBatch)
				case ctx.Err() == nil && code != codes.ResourceExhausted && code != codes.Unavailable:
					a.Errorf("the greedy caller: %v", err)
					return
				}
			}
		})
	}
	for range greedyStreams {
		stream, err := payouts.StreamEarnings(bearing(ctx, token))
		if err != nil {
			a.Error(err)
			return 0
		}
		// Always one more than is answered, so that one waits in line.
		if err := stream.Send(&payoutv1.StreamEarningsRequest{Earnings: a.batchOf(greedyBatch)}); err != nil {
			a.Error(err)
		}
		goOn(func() error {
			if err := stream.Send(&payoutv1.StreamEarningsRequest{Earnings: a.batchOf(greedyBatch)}); err != nil {
				return err
			}
			_, err := stream.Recv()
			return err
		})
	}
	for range greedyCalls {
		goOn(func() error {
			_, err := payouts.BatchRecordEarnings(bearing(ctx, token), &payoutv1.BatchRecordEarningsRequest{Earnings: a.batchOf(greedyBatch)})
			return err
		})
	}
	all.Wait()
	return taken.Load()
}

// A caller who is known, and sends all that it may, leaves those who send batches of ten, or single calls, their rate. What is measured is
// whether others get their turn, and not whether there are enough processors: honest callers come at a pace, as they do, and not
// as fast as they are answered, which would halve whatever is fair. The one who sends much has the server's two cores, too, so a call may take
// twice as long as among strangers, who are refused before they cost much.
func TestAbuseByKnownSlowsNobody(t *testing.T) {
	if !*whole {
		t.Skip("it measures what two processors are enough for only where nothing else runs: with -whole")
	}
	a := startAttacked(t)
	a.besieged(2*honestDeadline, "while one caller sent all it may", func(ctx context.Context) string {
		return fmt.Sprintf("%d earnings", a.greed(ctx))
	})
	a.stop()
}

const (
	searchCalls = 250    // lists at once, nearly as many calls as one caller may have in flight
	searchPace  = 1000   // begun a second, as many as it may make
	searched    = 10_000 // earnings, as many as a page looks at
)

// search has a caller who is known list what is not there, among many earnings, until ctx is done. It returns how many lists came to an end, and
// how many were refused.
func (a *attacked) search(ctx context.Context) (ended, refused int64) {
	token := a.long("curious", "AUDITOR", "")
	payouts := payoutv1.NewPayoutServiceClient(dial(a.T, a.paysvc))
	pace := rate.NewLimiter(searchPace, 1)
	var counts [2]atomic.Int64
	var all sync.WaitGroup
	for range searchCalls {
		all.Go(func() {
			for pace.Wait(ctx) == nil {
				_, err := payouts.ListEarnings(bearing(ctx, token), &payoutv1.ListEarningsRequest{
					Parent: strings.TrimPrefix(a.plan, "/v1/"), Filter: `description="nobody has this"`,
				})
				switch {
				case err == nil:
					counts[0].Add(1)
				case status.Code(err) == codes.ResourceExhausted:
					counts[1].Add(1)
				case ctx.Err() == nil:
					a.Errorf("the curious caller: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	return counts[0].Load(), counts[1].Load()
}

// fill records as many earnings as a page looks at.
func (a *attacked) fill() {
	a.Helper()
	for range searched / greedyBatch {
		_, err := payoutv1.NewPayoutServiceClient(a.payouts).BatchRecordEarnings(
			bearing(within(a.T), a.writer), &payoutv1.BatchRecordEarningsRequest{Earnings: a.batchOf(greedyBatch)},
		)
		if err != nil {
			a.Fatal(err)
		}
	}
}

// Whoever only reads, but has the service look at much for each answer, leaves the others their rate, too.
func TestAbuseByReadersSlowsNobody(t *testing.T) {
	if !*whole {
		t.Skip("it measures what two processors are enough for only where nothing else runs: with -whole")
	}
	a := startAttacked(t)
	a.fill()
	a.besieged(2*honestDeadline, "while one caller searched all the time", func(ctx context.Context) string {
		ended, refused := a.search(ctx)
		return fmt.Sprintf("%d lists, %d refused", ended, refused)
	})
	a.stop()
}
