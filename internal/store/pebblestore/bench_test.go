package pebblestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	db, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
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

// record commits a batch of new earnings, its partitions in parallel.
func record(b *testing.B, db *pebblestore.DB, r *rand.Rand, size int) {
	shares := make([]store.Batch, db.Partitions())
	for range size {
		partner := fmt.Sprintf("%07d", r.IntN(20_000))
		plan := partner + "/azure.coop.fy26"
		share := &shares[store.PartitionOf(partner, db.Partitions())]
		earning := store.Key{Collection: "earning", ID: fmt.Sprintf("%s/ern-%016x", plan, r.Uint64())}
		share.RequireAbsent(earning)
		share.Put(earning, []byte("2026-04 12345 some-description-of-an-earning"))
		share.Add(store.Key{Collection: "earned", ID: plan + "/2026-04"}, 12345)
		share.Put(store.Key{Collection: "unsettled", ID: plan}, nil)
	}
	var commits sync.WaitGroup
	for p := range shares {
		if shares[p].Len() > 0 {
			commits.Go(func() {
				if err := db.Commit(context.Background(), store.Partition(p), &shares[p]); err != nil {
					b.Error(err)
				}
			})
		}
	}
	commits.Wait()
}
