package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

var concurrencyChecks = []check{
	{"concurrent adds all count", checkConcurrentAdds},
	{"of 32 that create one key one wins", checkOneWinner},
	{"32 writers of one key all get through", checkUpdates},
	{"keys that change together are never seen apart", checkMoment},
	{"commits to all partitions at once", checkParallelPartitions},
}

func checkConcurrentAdds(t *testing.T, open Open) {
	const goroutines, each = 16, 50
	db := mustOpen(t, open)
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
					b.Add(key("sum"), int64(i))
					b.Add(key("count"), 1)
					b.Put(store.Key{Collection: "done", ID: fmt.Sprintf("%d/%d", g, i)}, nil)
				}))
				if err != nil {
					t.Errorf("an add never conflicts, but got: %v", err)
				}
			}
		})
	}
	group.Wait()
	wantValues(t, db, 0, []store.Key{key("count"), key("sum")},
		[]byte(strconv.Itoa(goroutines*each)), []byte(strconv.Itoa(goroutines*each*(each-1)/2)))
	if got := len(mustScan(t, db, 0, store.Key{Collection: "done"}, 2*goroutines*each)); got != goroutines*each {
		t.Errorf("%d puts are stored, want %d", got, goroutines*each)
	}
}

func checkOneWinner(t *testing.T, open Open) {
	const goroutines = 32
	db := mustOpen(t, open)
	for round := range 10 {
		var won atomic.Int64
		var group sync.WaitGroup
		start := make(chan struct{})
		one := key("round " + strconv.Itoa(round))
		for g := range goroutines {
			group.Go(func() {
				<-start
				err := db.Commit(t.Context(), 0, batch(func(b *store.Batch) {
					b.RequireAbsent(one)
					b.Put(one, []byte(strconv.Itoa(g)))
					b.Add(key("winners"), 1)
				}))
				switch {
				case err == nil:
					won.Add(1)
					wantValues(t, db, 0, []store.Key{one}, []byte(strconv.Itoa(g)))
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("commit: %v", err)
				case mustGet(t, db, 0, one)[0] == nil:
					t.Error("a commit conflicted, but the key is absent")
				}
			})
		}
		close(start)
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of %d won, want 1", won.Load(), goroutines)
		}
		wantValues(t, db, 0, []store.Key{key("winners")}, []byte(strconv.Itoa(round+1)))
	}
}

func checkUpdates(t *testing.T, open Open) {
	const goroutines, each = 32, 20
	db := mustOpen(t, open)
	read := store.Read{Partition: 2, Keys: []store.Key{key("n"), key("log")}}
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for range each {
				err := store.Update(t.Context(), db, read, func(values [][]byte, b *store.Batch) error {
					n := 0
					if values[0] != nil {
						var err error
						if n, err = strconv.Atoi(string(values[0])); err != nil {
							return err
						}
					}
					b.Put(key("n"), []byte(strconv.Itoa(n+1)))
					b.Put(key("log"), append(bytes.Clone(values[1]), byte(g)))
					return nil
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	group.Wait()
	values := mustGet(t, db, 2, read.Keys...)
	if string(values[0]) != strconv.Itoa(goroutines*each) {
		t.Errorf("counted %s updates, want %d", values[0], goroutines*each)
	}
	for g := range goroutines {
		if got := bytes.Count(values[1], []byte{byte(g)}); got != each {
			t.Errorf("%d updates of writer %d are there, want %d", got, g, each)
		}
	}
}

func checkMoment(t *testing.T, open Open) {
	const commits, together = 200, 5
	db := mustOpen(t, open)
	keys := make([]store.Key, together)
	for i := range keys {
		keys[i] = key(strconv.Itoa(i))
	}
	write := func(value string) {
		mustCommit(t, db, 0, func(b *store.Batch) {
			for _, k := range keys {
				b.Put(k, []byte(value))
			}
		})
	}
	write("000")
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		group.Go(func() {
			seen := "000"
			for {
				select {
				case <-done:
					return
				default:
				}
				values := mustGet(t, db, 0, keys...)
				for _, e := range mustScan(t, db, 0, key(""), together) {
					values = append(values, e.Value)
				}
				for i, value := range values[1:] {
					// The scan was after the get, and may have seen more.
					if first := values[(i+1)/together*together]; !bytes.Equal(value, first) {
						t.Errorf("read %s beside %s, which were never stored together", value, first)
						return
					}
				}
				if got := string(values[0]); got < seen {
					t.Errorf("read %s after %s, which is older", got, seen)
					return
				}
				if seen = string(values[together]); seen < string(values[0]) {
					t.Errorf("scanned %s after reading %s, which is newer", seen, values[0])
					return
				}
			}
		})
	}
	for i := range commits {
		write(fmt.Sprintf("%03d", i+1))
	}
	close(done)
	group.Wait()
}

func checkParallelPartitions(t *testing.T, open Open) {
	const each = 10
	db := mustOpen(t, open)
	var group sync.WaitGroup
	for p := range db.Partitions() {
		group.Go(func() {
			for i := range each {
				err := db.Commit(t.Context(), store.Partition(p), batch(func(b *store.Batch) {
					b.RequireAbsent(key(strconv.Itoa(i)))
					b.Put(key(strconv.Itoa(i)), nil)
					b.Add(key("n"), int64(p))
				}))
				if err != nil {
					t.Errorf("partition %d: %v", p, err)
				}
			}
		})
	}
	group.Wait()
	for p := range db.Partitions() {
		if got := len(mustScan(t, db, store.Partition(p), key(""), each+2)); got != each+1 {
			t.Errorf("partition %d has %d entries, want %d", p, got, each+1)
		}
		wantValues(t, db, store.Partition(p), []store.Key{key("n")}, []byte(strconv.Itoa(p*each)))
	}
}
