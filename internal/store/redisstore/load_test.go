package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store"
)

// patience is how long a test waits for what has to come, on a busy machine.
const patience = time.Minute

// A load writes to a store without a pause, and keeps book of what it was told. Each writer has a partition of its own.
type load struct {
	t       *testing.T
	db      store.DB
	writers []*writer
	ending  atomic.Bool
	group   sync.WaitGroup
}

// A writer does two things in turn: it marks a new id, once and on condition, and says so until it is known to be
// marked; and it adds 1, and lets it be when that is not known.
type writer struct {
	partition store.Partition
	steps     chan struct{} // gets something, without waiting, for every turn that is through
	marked    int           // ids, from 0 on
	added     int64
	perhaps   int64 // added, it is not known
}

// startLoad has n writers begin.
func startLoad(t *testing.T, db store.DB, n int) *load {
	t.Helper()
	l := &load{t: t, db: db}
	for i := range n {
		w := &writer{partition: store.Partition(i), steps: make(chan struct{}, 1)}
		l.writers = append(l.writers, w)
		l.group.Go(func() { l.write(w) })
	}
	return l
}

func markKey(i int) store.Key { return store.Key{Collection: "mark", ID: fmt.Sprintf("%08d", i)} }

func (l *load) write(w *writer) {
	for !l.ending.Load() {
		var mark store.Batch
		mark.RequireAbsent(markKey(w.marked))
		mark.Put(markKey(w.marked), nil)
		mark.Add(thing("marked"), 1)
		for told := false; ; {
			err := l.db.Commit(l.t.Context(), w.partition, &mark)
			if err == nil || told && errors.Is(err, store.ErrConflict) {
				break
			}
			if !errors.Is(err, store.ErrUnavailable) {
				l.t.Errorf("partition %d: marking %d: %v", w.partition, w.marked, err)
				return
			}
			told = true
		}
		w.marked++
		switch err := l.db.Commit(l.t.Context(), w.partition, addTo("added")); {
		case err == nil:
			w.added++
		case errors.Is(err, store.ErrUnavailable):
			w.perhaps++
		default:
			l.t.Errorf("partition %d: adding: %v", w.partition, err)
			return
		}
		select {
		case w.steps <- struct{}{}:
		default:
		}
	}
}

// turns is how far a writer has to get on to have got on.
const turns = 20

// await waits until a writer has got on.
func (l *load) await(w *writer) {
	l.t.Helper()
	limit := time.After(patience)
	for range turns {
		select {
		case <-w.steps:
		case <-limit:
			l.t.Fatalf("partition %d: the writer has not got on for %s", w.partition, patience)
		}
	}
}

// awaitAll waits until every writer has got on.
func (l *load) awaitAll() {
	l.t.Helper()
	for _, w := range l.writers {
		l.await(w)
	}
}

// stop ends the writers, and returns how many acknowledged writes are lost. Nothing may be there twice.
func (l *load) stop() (lost int64) {
	l.t.Helper()
	l.ending.Store(true)
	l.group.Wait()
	var written, perhaps int64
	for _, w := range l.writers {
		values, err := l.db.Get(l.t.Context(), w.partition, thing("marked"), thing("added"))
		if err != nil {
			l.t.Fatal(err)
		}
		marks, err := l.db.Scan(l.t.Context(), w.partition, "mark", "", w.marked+1)
		if err != nil {
			l.t.Fatal(err)
		}
		marked, added := number(l.t, values[0]), number(l.t, values[1])
		if marked > int64(w.marked) || len(marks) != int(marked) {
			l.t.Errorf("partition %d: %d ids are marked, %d are counted, of %d", w.partition, len(marks), marked, w.marked)
		}
		if added > w.added+w.perhaps {
			l.t.Errorf("partition %d: %d are added, of %d and perhaps %d more", w.partition, added, w.added, w.perhaps)
		}
		lost += int64(w.marked) - marked + max(0, w.added-added)
		written += int64(w.marked) + w.added
		perhaps += w.perhaps
	}
	l.t.Logf("%d writes were acknowledged, %d are lost; of %d more it was not known", written, lost, perhaps)
	return lost
}

func number(t *testing.T, value []byte) int64 {
	t.Helper()
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
