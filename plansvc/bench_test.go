package plansvc_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/plansvc/sample"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	benchedPlans  = 20_000
	benchedQueue  = 200
	benchedPage   = 50 // of a list, where the caller says nothing
	benchedBatch  = 1000
	benchedStride = 7919 // from one plan to another that lies elsewhere
)

// BenchmarkCalls makes the calls that are made most often to the whole service, one caller over loopback: it has 20,000 plans on
// Pebble, as many of which wait for the one reviewer as in docs/performance.md.
func BenchmarkCalls(b *testing.B) {
	url := "pebble:" + filepath.Join(b.TempDir(), "plans")
	db, err := storeurl.Open(url, storeurl.Options{Name: "plansvc", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	if err := sample.Write(b.Context(), db, sample.Plans{Count: benchedPlans, Waiting: benchedQueue}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	client, stop := run(b, url)
	defer stop()
	b.Run("BatchGetPlanTerms", func(b *testing.B) { benchTerms(b, client) })
	b.Run("GetPlan", func(b *testing.B) {
		each(b, func(ctx context.Context, n int) error {
			name := sample.Name(n)
			p, err := client.GetPlan(ctx, &planv1.GetPlanRequest{Name: name})
			if err == nil && p.GetName() != name {
				err = fmt.Errorf("%s, want %s", p.GetName(), name)
			}
			return err
		})
	})
	list := func(ctx context.Context, request *planv1.ListPlansRequest, want int) error {
		page, err := client.ListPlans(ctx, request)
		if err == nil && len(page.GetPlans()) != want {
			err = fmt.Errorf("%d plans, want %d", len(page.GetPlans()), want)
		}
		return err
	}
	b.Run("ListPlans/partner", func(b *testing.B) {
		each(b, func(ctx context.Context, n int) error {
			partner, _, _ := strings.Cut(sample.Name(n), "/plans/")
			return list(ctx, &planv1.ListPlansRequest{Parent: partner}, 1)
		})
	})
	b.Run("ListPlans/queue", func(b *testing.B) {
		queue := &planv1.ListPlansRequest{Parent: "partners/-", Filter: fmt.Sprintf("state = \"SUBMITTED\" AND reviewer_email = %q", sample.Reviewer)}
		each(b, func(ctx context.Context, _ int) error { return list(ctx, queue, benchedPage) })
	})
}

// each makes a call about one plan after the other.
func each(b *testing.B, call func(ctx context.Context, n int) error) {
	b.Helper()
	b.ReportAllocs()
	for n := 0; b.Loop(); n += benchedStride {
		if err := call(b.Context(), n%benchedPlans); err != nil {
			b.Fatal(err)
		}
	}
}

// benchTerms asks for the terms of as many plans as a call may, which lie in all partitions.
func benchTerms(b *testing.B, client planv1.PlanServiceClient) {
	b.Helper()
	requests := make([]*planv1.BatchGetPlanTermsRequest, benchedPlans/benchedBatch)
	for i := range requests {
		requests[i] = &planv1.BatchGetPlanTermsRequest{}
		for k := range benchedBatch {
			requests[i].Plans = append(requests[i].Plans, sample.Name(i*benchedBatch+k))
		}
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		terms, err := client.BatchGetPlanTerms(b.Context(), requests[n%len(requests)])
		if err != nil || len(terms.GetPlanTerms()) != benchedBatch {
			b.Fatalf("terms of %d plans, %v; want %d", len(terms.GetPlanTerms()), err, benchedBatch)
		}
	}
	b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "plans/s")
}
