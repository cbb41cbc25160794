package payoutsvc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/payoutsvc/internal/terms/termstest"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	benchedPlans    = 20_000
	benchedBatch    = 1000
	benchedStreams  = 4
	benchedInFlight = 4 // batches of a stream, as `incentives bench ingest` has them
)

func benchedPlan(n int) string {
	return fmt.Sprintf("partners/p%07d/plans/azure.coop.fy26", n%benchedPlans)
}

// benchedPlansvc knows 20,000 plans.
func benchedPlansvc() *termstest.Plansvc {
	p := newPlansvc()
	for n := range benchedPlans {
		p.SetPlan(&planv1.PlanTerms{
			Plan: benchedPlan(n), Program: "programs/azure", State: planv1.Plan_APPROVED, CurrencyCode: "USD", TimeZone: "America/Los_Angeles",
			StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30}, LateEarningDays: 90, ResubmissionDays: 90,
			FirstSubmitTime: timestamppb.New(at("2026-01-21T00:00:00Z")),
			Limits:          []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: &money.Money{CurrencyCode: "USD", Units: 10_000}}},
		})
	}
	return p
}

// BenchmarkStreamEarnings streams batches of 1,000 new earnings to the whole service, over loopback in 4 streams. The service knows
// the terms of all plans already, as it does after a short while.
func BenchmarkStreamEarnings(b *testing.B) {
	address := freeAddress(b)
	servePlansvc(b, benchedPlansvc(), address)
	s := start(b, b.TempDir(), address, "2026-05-10T00:00:00Z")
	if err := s.sendBatches(b.Context(), 0, benchedPlans/benchedBatch); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	group, ctx := errgroup.WithContext(b.Context())
	for n := range benchedStreams {
		first, last := b.N*n/benchedStreams, b.N*(n+1)/benchedStreams
		group.Go(func() error { return s.sendBatches(ctx, benchedPlans/benchedBatch+first, last-first) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "earnings/s")
}

// sendBatches sends batches in one stream, and fails unless all that is in them is recorded. The first ones reach every plan once.
func (s *service) sendBatches(ctx context.Context, first, count int) error {
	stream, err := s.StreamEarnings(ctx)
	if err != nil {
		return err
	}
	for n := range count + benchedInFlight {
		if n >= benchedInFlight {
			response, err := stream.Recv()
			if err != nil {
				return err
			}
			if err := allRecorded(response); err != nil {
				return err
			}
		}
		if n < count && stream.Send(benchedRequest(first+n)) != nil {
			_, err := stream.Recv() // says why
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream ends with %w", err)
	}
	return nil
}

// benchedRequest is the n-th batch.
func benchedRequest(n int) *payoutv1.StreamEarningsRequest {
	request := &payoutv1.StreamEarningsRequest{}
	earned := timestamppb.New(at("2026-04-10T00:00:00Z"))
	for i := n * benchedBatch; i < (n+1)*benchedBatch; i++ {
		request.Earnings = append(request.Earnings, &payoutv1.Earning{
			Name:   fmt.Sprintf("%s/earnings/e-%d", benchedPlan(i*7919), i), // 7,919 is prime to how many plans there are
			Amount: &money.Money{CurrencyCode: "USD", Units: 5}, EarnTime: earned, Description: "some-description-of-an-earning",
		})
	}
	return request
}

func allRecorded(response *payoutv1.StreamEarningsResponse) error {
	if n := len(response.GetOutcomes()); n != benchedBatch {
		return fmt.Errorf("%d outcomes, want %d", n, benchedBatch)
	}
	for i, outcome := range response.GetOutcomes() {
		if outcome.GetState() != payoutv1.EarningOutcome_RECORDED {
			return fmt.Errorf("earning %d is %s: %v", i, outcome.GetState(), outcome.GetStatus())
		}
	}
	return nil
}
