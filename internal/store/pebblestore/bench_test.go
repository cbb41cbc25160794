package pebblestore_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// BenchmarkRecord commits as recording earnings does: an operation is a batch of 1,000 new earnings of 20,000
// partners, sorted into their partitions, each partition's share committed by itself. Run it with
// -benchtime 1000x for a million earnings.
func BenchmarkRecord(b *testing.B) {
	for _, streams := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			benchmarkRecord(b, streams)
		})
	}
}

func benchmarkRecord(b *testing.B, streams int) {
	const batchSize = 1000
	db := openForBenchmark(b)
	b.ReportAllocs()
	b.ResetTimer()
	var started atomic.Int64
	var workers sync.WaitGroup
	for w := range streams {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for started.Add(1) <= int64(b.N) {
				record(b, db, r, batchSize)
			}
		})
	}
	workers.Wait()
	b.ReportMetric(float64(b.N)*batchSize/b.Elapsed().Seconds(), "earnings/s")
}

// BenchmarkRecordOne commits one new earning an operation, from 64 goroutines at once.
func BenchmarkRecordOne(b *testing.B) {
	db := openForBenchmark(b)
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	var worker atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(2, worker.Add(1)))
		for pb.Next() {
			record(b, db, r, 1)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "earnings/s")
}

// BenchmarkPay commits as a payout run does: an operation writes 500 payouts of a partition, what was paid, that the
// plans are settled, and how far the run has come.
func BenchmarkPay(b *testing.B) {
	const batchSize = 500
	db := openForBenchmark(b)
	b.ReportAllocs()
	cursor := store.Key{Collection: "run", ID: "2026-05-15"}
	var reached []byte
	plans := 0
	for b.Loop() {
		var batch store.Batch
		batch.Require(cursor, reached)
		for range batchSize {
			plans++
			plan := fmt.Sprintf("%07d/azure.coop.fy26", plans)
			batch.Put(store.Key{Collection: "payout", ID: plan + "/2026-05-15"}, []byte("2026-04 12345 20000 12345 SCHEDULED"))
			batch.Put(store.Key{Collection: "paid", ID: plan + "/2026-04"}, []byte("12345"))
			batch.Delete(store.Key{Collection: "unsettled", ID: plan})
			reached = []byte(plan)
		}
		batch.Put(cursor, reached)
		if err := db.Commit(b.Context(), 0, &batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(plans)/b.Elapsed().Seconds(), "payouts/s")
}

func openForBenchmark(b *testing.B) *pebblestore.DB {
	b.Helper()
	db, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

// record commits a batch of new earnings, its partitions in parallel.
func record(b *testing.B, db *pebblestore.DB, r *rand.Rand, size int) {
	b.Helper()
	shares := map[store.Partition]*store.Batch{}
	for range size {
		partner := fmt.Sprintf("%07d", r.IntN(20_000))
		plan := partner + "/azure.coop.fy26"
		p := store.PartitionOf(partner, db.Partitions())
		if shares[p] == nil {
			shares[p] = &store.Batch{}
		}
		earning := store.Key{Collection: "earning", ID: fmt.Sprintf("%s/ern-%016x", plan, r.Uint64())}
		shares[p].RequireAbsent(earning)
		shares[p].Put(earning, []byte("2026-04 12345 some-description-of-an-earning"))
		shares[p].Add(store.Key{Collection: "earned", ID: plan + "/2026-04"}, 12345)
		shares[p].Put(store.Key{Collection: "unsettled", ID: plan}, nil)
	}
	var commits sync.WaitGroup
	for p, share := range shares {
		commits.Go(func() {
			if err := db.Commit(b.Context(), p, share); err != nil {
				b.Error(err)
			}
		})
	}
	commits.Wait()
}
