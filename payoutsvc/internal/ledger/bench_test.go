package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// onEngines runs a benchmark on every engine, as services open it: in a world with plans that are approved.
func onEngines(b *testing.B, bench func(b *testing.B, w *world, plans []string)) {
	b.Helper()
	for _, engine := range []struct {
		name string
		open func(b *testing.B) (store.DB, error)
	}{
		{"pebble", func(b *testing.B) (store.DB, error) { return pebblestore.Open(b.TempDir(), pebblestore.Options{}) }},
		{"redis", func(b *testing.B) (store.DB, error) {
			return redisstore.Open(servers.Standalone(b).Place(), redisstore.Options{})
		}},
	} {
		b.Run(engine.name, func(b *testing.B) {
			db, err := engine.open(b)
			if err != nil {
				b.Fatal(err)
			}
			closeAfter(b, db)
			w := newWorld(b, db, "azure")
			plans := make([]string, benchedPlans)
			for i := range plans {
				plans[i] = w.plan(fmt.Sprintf("p%07d", i), 10_000_00)
			}
			b.ReportAllocs()
			bench(b, w, plans)
		})
	}
}

const (
	benchedPlans = 20_000
	benchedBatch = 1000
)

// BenchmarkRecord records batches of 1,000 new earnings, spread over 20,000 plans.
func BenchmarkRecord(b *testing.B) {
	onEngines(b, func(b *testing.B, w *world, plans []string) {
		entries := make([]ledger.Entry, benchedBatch)
		for b.Loop() {
			for i := range entries {
				entries[i] = w.entry(plans[(w.earned*7919)%len(plans)], "", "2026-04", 1_00)
			}
			benchedRecord(b, w, entries, false)
		}
		b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "earnings/s")
	})
}

// BenchmarkDuplicates records the same batch of 1,000 earnings again and again.
func BenchmarkDuplicates(b *testing.B) {
	onEngines(b, func(b *testing.B, w *world, plans []string) {
		entries := make([]ledger.Entry, benchedBatch)
		for i := range entries {
			entries[i] = w.entry(plans[i*7919%len(plans)], "", "2026-04", 1_00)
		}
		benchedRecord(b, w, entries, false)
		for b.Loop() {
			benchedRecord(b, w, entries, true)
		}
		b.ReportMetric(float64(b.N)*benchedBatch/b.Elapsed().Seconds(), "earnings/s")
	})
}

// benchedRecord records earnings, all of which have to be new, or none.
func benchedRecord(b *testing.B, w *world, entries []ledger.Entry, duplicates bool) {
	b.Helper()
	for i, outcome := range w.ledger.Record(b.Context(), w.now, entries) {
		if outcome.Err != nil || outcome.Duplicate != duplicates {
			b.Fatalf("%s: %+v, want it recorded, a duplicate: %t", entries[i].Earning.ID, outcome, duplicates)
		}
	}
}

// BenchmarkRun pays 20,000 plans that all have something due, on one pay date after the other.
func BenchmarkRun(b *testing.B) {
	onEngines(b, func(b *testing.B, w *world, plans []string) {
		first := payout.PayDate(payout.MonthIn(2026, time.May))
		for i := range b.N {
			b.StopTimer()
			entries := make([]ledger.Entry, len(plans))
			for k, plan := range plans {
				entries[k] = w.entry(plan, "", "2026-04", 1)
			}
			benchedRecord(b, w, entries, false)
			payDate := (first + payout.PayDate(i)).String()
			b.StartTimer()
			if run := w.run(payDate); run.PayoutsCount != int64(len(plans)) {
				b.Fatalf("%d payouts on %s, want %d", run.PayoutsCount, payDate, len(plans))
			}
		}
		b.ReportMetric(float64(b.N)*benchedPlans/b.Elapsed().Seconds(), "plans/s")
	})
}
