package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// benched is a world on Pebble, as services open it, with plans that are approved.
func benched(b *testing.B, plans int) (w *world, names []string) {
	b.Helper()
	db, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	w = newWorld(b, db, "azure")
	for i := range plans {
		names = append(names, w.plan(fmt.Sprintf("p%07d", i), 10_000_00))
	}
	return w, names
}

const (
	benchedPlans = 20_000
	benchedBatch = 1000
)

// BenchmarkRecord records batches of 1,000 new earnings, spread over 20,000 plans.
func BenchmarkRecord(b *testing.B) {
	w, plans := benched(b, benchedPlans)
	entries := make([]ledger.Entry, benchedBatch)
	b.ReportAllocs()
	for b.Loop() {
		for i := range entries {
			entries[i] = w.entry(plans[(w.earned*7919)%len(plans)], "", "2026-04", 1_00)
		}
		w.record(entries...)
	}
	b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "earnings/s")
}

// BenchmarkDuplicates records the same batch of 1,000 earnings again and again.
func BenchmarkDuplicates(b *testing.B) {
	w, plans := benched(b, benchedPlans)
	entries := make([]ledger.Entry, benchedBatch)
	for i := range entries {
		entries[i] = w.entry(plans[i*7919%len(plans)], "", "2026-04", 1_00)
	}
	w.record(entries...)
	b.ReportAllocs()
	for b.Loop() {
		w.record(entries...)
	}
	b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "earnings/s")
}

// BenchmarkRun pays 20,000 plans that all have something due, on one pay date after the other.
func BenchmarkRun(b *testing.B) {
	w, plans := benched(b, benchedPlans)
	first := payout.PayDate(payout.MonthIn(2026, time.May))
	b.ReportAllocs()
	for i := range b.N {
		b.StopTimer()
		entries := make([]ledger.Entry, len(plans))
		for k, plan := range plans {
			entries[k] = w.entry(plan, "", "2026-04", 1)
		}
		w.record(entries...)
		payDate := (first + payout.PayDate(i)).String()
		b.StartTimer()
		if run := w.run(payDate); run.PayoutsCount != int64(len(plans)) {
			b.Fatalf("%d payouts on %s, want %d", run.PayoutsCount, payDate, len(plans))
		}
	}
	b.ReportMetric(float64(b.N)*benchedPlans/b.Elapsed().Seconds(), "plans/s")
}
