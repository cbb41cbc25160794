package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// wide is a store with enough partitions that parts of a group are recorded apart, and a partner in each of them.
func wide(t *testing.T) (db store.DB, partners []string) {
	t.Helper()
	const partitions = 32
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	partners = make([]string, partitions)
	for i := 0; slices.Contains(partners, ""); i++ {
		partner := fmt.Sprint("p", i)
		if at := store.PartitionOf(partner, partitions); partners[at] == "" {
			partners[at] = partner
		}
	}
	return db, partners
}

// Where the store's partitions fail one by one, a group begins when part of the last one is recorded. What both have in a partition is
// recorded in their order all the same. Rule E1.
func TestE1_GroupsOverlap(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	var mu sync.Mutex
	commits := map[store.Partition]int{}
	slow := []store.Partition{0, 9} // far enough from one another that nobody waits for both
	held, letGo := make(chan struct{}), make(chan struct{})
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if c.operation == commit {
			mu.Lock()
			commits[c.partition]++
			first := slices.Contains(slow, c.partition) && commits[c.partition] == 1
			mu.Unlock()
			if first {
				held <- struct{}{}
				<-letGo
			}
		}
		return c.do()
	}})
	w.ledger.Calm(time.Hour)
	batch := func(cents int64, partners []string) (entries []ledger.Entry) {
		for _, partner := range partners {
			plan := w.plan(partner, 100_00)
			entries = append(entries, w.entry(plan, "e", "2026-04", cents), w.entry(plan, "", "2026-04", cents))
		}
		return entries
	}
	// Of three that would be refused, one has the id of the batch before.
	first := w.plan(partners[0], 100_00)
	refused := []ledger.Entry{w.entry(first, "", "2025-06", 1_00), w.entry(first, "", "2025-06", 1_00), w.entry(first, "reused", "2025-06", 1_00)}
	before := w.ledger.Put(t.Context(), w.now, append(batch(1_00, partners), w.entry(first, "reused", "2026-04", 1_00)), nil)
	for range slow {
		<-held
	}
	behind := w.ledger.Put(t.Context(), w.now, append(batch(2_00, partners[1:]), refused...), before)
	last := store.Partition(len(partners) - 1)
	redistest.Await(t, "the next group is at work", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if commits[last] < 2 {
			return fmt.Errorf("%d commits in the last partition", commits[last])
		}
		return nil
	})
	mu.Lock()
	for _, p := range slow {
		if commits[p] != 1 {
			t.Errorf("%d commits in partition %d, where the first has not ended", commits[p], p)
		}
	}
	mu.Unlock()
	close(letGo)
	n := len(partners)
	wants := [][]string{
		slices.Repeat([]string{"recorded"}, 2*n+1),
		append(slices.Repeat([]string{"EARNING_ID_REUSED", "recorded"}, n-1), "EARN_TIME_OUTSIDE_YEAR", "EARN_TIME_OUTSIDE_YEAR", "EARNING_ID_REUSED"),
	}
	for i, place := range []*ledger.Place{before, behind} {
		<-place.Done()
		if diff := cmp.Diff(wants[i], said(place.Outcomes())); diff != "" {
			t.Errorf("batch %d (-want +got):\n%s", i, diff)
		}
	}
	w.wantNothingCounted()
}

// A batch that is recorded beside the one before it is not done before that is: what is put behind it overtakes neither. Rule E1.
func TestE1_WhatIsBesideIsDoneAfter(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	commits := make([]atomic.Int64, len(partners))
	var began atomic.Bool
	held, letGo := make(chan struct{}), make(chan struct{})
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if c.operation != commit {
			return c.do()
		}
		if c.partition == 0 && began.CompareAndSwap(false, true) {
			close(held)
			<-letGo
		}
		err := c.do()
		commits[c.partition].Add(1)
		return err
	}})
	w.ledger.Calm(time.Hour)
	each := func(partners []string, id string) (entries []ledger.Entry) {
		for _, partner := range partners {
			entries = append(entries, w.entry(w.plan(partner, 100_00), id, "2026-04", 1_00))
		}
		return entries
	}
	first := w.ledger.Put(t.Context(), w.now, each(partners, "first"), nil)
	<-held
	// Of a group, as nothing begins beside the first that is smaller than that.
	early := w.ledger.Put(t.Context(), w.now, each(partners[16:], "early"), first)
	second := w.ledger.Put(t.Context(), w.now, each(partners[16:], "second"), early)
	redistest.Await(t, "the second batch is recorded", func(context.Context) error {
		for p := 16; p < len(partners); p++ {
			if commits[p].Load() < 2 {
				return fmt.Errorf("partition %d lacks it", p)
			}
		}
		return nil
	})
	reused := w.entry(w.plan(partners[0], 100_00), "first", "2026-04", 2_00)
	third := w.ledger.Put(t.Context(), w.now, []ledger.Entry{reused}, second)
	select {
	case <-second.Done():
		t.Error("a batch is done before the one before it")
	case <-third.Done():
		t.Error("a batch has overtaken the one before the one before it")
	case <-time.After(50 * time.Millisecond):
	}
	close(letGo)
	<-third.Done()
	if got := said(third.Outcomes()); got[0] != "EARNING_ID_REUSED" {
		t.Errorf("the id of the first batch, with another amount, in the third: %s", got)
	}
	w.wantNothingCounted()
}

// A group of which nothing is recorded, since it was given up as a whole, keeps the next one waiting no longer than one that is recorded.
func TestGroupsThatAreGivenUpHoldUpNone(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	var began atomic.Bool
	held, letGo := make(chan struct{}), make(chan struct{})
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if c.operation == commit && c.partition == 0 && began.CompareAndSwap(false, true) {
			close(held)
			<-letGo
		}
		return c.do()
	}})
	w.ledger.Calm(time.Hour)
	each := func(id string) (entries []ledger.Entry) {
		for _, partner := range partners[16:] {
			entries = append(entries, w.entry(w.plan(partner, 100_00), id, "2026-04", 1_00))
		}
		return entries
	}
	first := w.ledger.Put(t.Context(), w.now, append(each("first"), w.entry(w.plan(partners[0], 100_00), "first", "2026-04", 1_00)), nil)
	<-held
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	// As many as the first has, since nothing smaller begins beside it.
	givenUp := w.ledger.Put(gone, w.now, append(each("second"), each("third")...), nil)
	<-givenUp.Done()
	beside := w.ledger.Put(t.Context(), w.now, append(each("fourth"), each("fifth")...), nil)
	select {
	case <-beside.Done():
	case <-time.After(10 * time.Second):
		t.Error("what is behind a group that was given up waits for the one before that")
	}
	close(letGo)
	for name, place := range map[string]*ledger.Place{"the first": first, "what was put behind both": beside} {
		<-place.Done()
		if err := firstError(place); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of groups each of which begins beside the last one, none keeps those before that: under load that lasts, it would be all that ever were.
func TestGroupsKeepNoneBeforeThem(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	last := len(partners) - 1
	var begun atomic.Int64
	letGo := make(chan struct{})
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if c.operation == commit && c.partition == 0 {
			<-letGo
		}
		if c.operation == commit && int(c.partition) == last {
			begun.Add(1)
		}
		return c.do()
	}})
	w.ledger.Calm(time.Hour)
	var before *ledger.Place
	const groups = 10
	for i := range groups {
		var entries []ledger.Entry
		for _, partner := range append(partners[16:], partners[0]) {
			entries = append(entries, w.entry(w.plan(partner, 100_00), fmt.Sprint("e", i), "2026-04", 1_00))
		}
		place := w.ledger.Put(t.Context(), w.now, entries, nil)
		redistest.Await(t, "the next group is at work beside the last one", func(context.Context) error {
			if begun.Load() <= int64(i) {
				return fmt.Errorf("%d groups have begun", begun.Load())
			}
			return nil
		})
		if before != nil {
			letGo <- struct{}{}
			<-before.Done()
		}
		before = place
	}
	letGo <- struct{}{}
	<-before.Done()
	redistest.Await(t, "the last group keeps none", func(context.Context) error {
		if kept := w.ledger.GroupsKept(); kept > 1 {
			return fmt.Errorf("of %d groups, %d are kept", groups, kept)
		}
		return nil
	})
}

// However many batches of a stream are at work, each earning meets those of its plan in their order. Rule E1.
func TestE1_OverlappingGroupsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if c.operation == commit && c.nth%7 == 0 {
			time.Sleep(time.Millisecond) //nolint:forbidigo // so that parts of a group end at different times
		}
		return c.do()
	}})
	const batches = 200
	var streams sync.WaitGroup
	for stream := range 3 { // each has ids of its own
		streams.Go(func() {
			var places []*ledger.Place
			var last *ledger.Place
			for i := range batches {
				amount := int64(1_00)
				if i%2 == 1 {
					amount = 2_00 // under the id of the batch before
				}
				var entries []ledger.Entry
				for _, partner := range partners {
					entries = append(entries, w.entry(w.plan(partner, 100_00), fmt.Sprint("e-", stream, "-", i/2), "2026-04", amount))
				}
				last = w.ledger.Put(t.Context(), w.now, entries, last)
				places = append(places, last)
			}
			for i, place := range places {
				<-place.Done()
				want := slices.Repeat([]string{[]string{"recorded", "EARNING_ID_REUSED"}[i%2]}, len(partners))
				if diff := cmp.Diff(want, said(place.Outcomes())); diff != "" {
					t.Errorf("stream %d, batch %d (-want +got):\n%s", stream, i, diff)
				}
			}
		})
	}
	streams.Wait()
	for _, partner := range partners {
		w.wantEarned("half of the batches", w.plan(partner, 100_00), "2026-04", 3*batches/2*1_00)
	}
}

// A batch of which nothing is to be recorded keeps none of those before it: of nothing but such, a stream would keep all.
func TestEmptyBatchesKeepNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		first := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(w.plan("contoso", 100_00), "", "2026-04", 1_00)}, nil)
		var gone atomic.Bool
		runtime.AddCleanup(first, func(struct{}) { gone.Store(true) }, struct{}{})
		last := w.ledger.Put(t.Context(), w.now, nil, w.ledger.Put(t.Context(), w.now, nil, first))
		<-last.Done()
		redistest.Await(t, "the first of three batches is forgotten", func(context.Context) error {
			runtime.GC()
			if !gone.Load() {
				return errors.New("it is kept")
			}
			return nil
		})
		runtime.KeepAlive(last)
	})
}
