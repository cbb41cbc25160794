package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// writes tells whether a call is a commit that writes the earning of an id, in any plan.
func (c call) writes(id string) bool {
	return c.operation == commit && slices.ContainsFunc(c.batch.Writes(), func(w store.Write) bool { return strings.HasSuffix(w.Key.ID, "/"+id) })
}

// A call that panics, which its handler survives, leaves nothing behind for the next one.
func TestE1_E3_AfterAPanic(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		a, b := w.plan("a", 100_00), w.plan("b", 100_00)
		panics := true
		w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
			if panics {
				panic("a defect")
			}
			return c.do()
		}})
		for range 8 { // memory that is used again is not always the same
			func() {
				defer func() { _ = recover() }()
				w.ledger.Record(t.Context(), w.now, []ledger.Entry{w.entry(a, "lost", "2026-04", 1_00), w.entry(a, "", "2026-04", 1_00)})
			}()
		}
		panics = false
		w.wantSaid("after a panic", []string{"recorded", "recorded"}, w.entry(b, "b1", "2026-04", 10_00), w.entry(b, "b2", "2026-04", 10_00))
		w.wantEarned("after a panic", a, "2026-04", 0)
		w.wantEarned("after a panic", b, "2026-04", 20_00)
		for _, id := range []string{"b1", "b2"} {
			if _, err := w.ledger.Earning(t.Context(), b, id); err != nil {
				t.Errorf("after a panic: %v", err)
			}
		}
		if _, err := w.ledger.Earning(t.Context(), a, "lost"); err == nil {
			t.Error("what a panic had interrupted was recorded by the next call")
		}
	})
}

// One that makes the ledger panic takes none with it that are recorded together with it, wherever they lie.
func TestE3_SingleCallsBesideAPanic(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusy(t, db)
		b.panics = func(c call) bool { return c.writes("poison") }
		var entries []ledger.Entry
		for i := range 12 {
			entries = append(entries, b.entry(b.plan(fmt.Sprint("p", i), 100_00), "", "2026-04", 1_00))
		}
		sick := b.plan("p0", 100_00)
		got := b.recordOne(append(entries, b.entry(sick, "poison", "2026-04", 2_00))...)
		for i, word := range got[:len(entries)] {
			if word != "recorded" && word != "duplicate" { // of its own commit, which was made before the panic
				t.Errorf("call %d, beside one that panics: %s", i, word)
			}
		}
		if last := got[len(entries)]; !strings.HasPrefix(last, "recording was interrupted by a defect: a defect\n") {
			t.Errorf("the call that panics: %s", last)
		}
		b.wantEarned("beside a panic", sick, "2026-04", 1_00)
		b.panics = nil
		if got := b.ledger.RecordOne(t.Context(), b.now, b.entry(sick, "poison", "2026-04", 2_00)); got.Err != nil || got.Duplicate {
			t.Errorf("the call when the defect is mended: %+v", got)
		}
	})
}

// Nor does it take those that are each alone in their partitions. Rule E3.
func TestE3_SingleCallsAloneBesideAPanic(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	b := newBusy(t, db)
	b.panics = func(c call) bool { return c.writes("poison") }
	entries := []ledger.Entry{b.entry(b.plan(partners[1], 100_00), "poison", "2026-04", 1_00)} // in the first commit of all
	for _, partner := range partners[2:] {
		entries = append(entries, b.entry(b.plan(partner, 100_00), "", "2026-04", 1_00))
	}
	for i, word := range b.recordOne(entries...) {
		if i == 0 && !strings.HasPrefix(word, "recording was interrupted by a defect") || i > 0 && word != "recorded" {
			t.Errorf("call %d, where the first one panics: %s", i, word)
		}
	}
}

// An earning that panics, wherever it does, is an error of its own: neither the others of its batch nor those of the batches that are recorded
// with it are lost, and the line goes on.
func TestE3_BatchThatPanics(t *testing.T) {
	poison := func(b *busy) ledger.Entry { return b.entry(b.plan("contoso", 100_00), "poison", "2026-04", 32_00) }
	for _, test := range []struct {
		name   string
		sick   func(b *busy) ledger.Entry
		panics func(call) bool
	}{
		{"where a group is divided", func(*busy) ledger.Entry { return ledger.Entry{} }, nil},
		{"in a commit", poison, func(c call) bool { return c.writes("poison") }},
		// What was recorded before is found out by the first commit, and is in none after that.
		{"when it is tried again", poison, func(c call) bool { return c.writes("poison") && !c.writes("old") }},
	} {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, ", together ", together), func(t *testing.T) {
				onEach(t, func(t *testing.T, db store.DB) { checkBesideAPanic(t, db, test.sick, test.panics, together) })
			})
		}
	}
}

// checkBesideAPanic checks what becomes of three batches in a group, in one of which an entry is sick, or where the store
// makes commits one by one, of their entries in one batch.
func checkBesideAPanic(t *testing.T, db store.DB, sick func(b *busy) ledger.Entry, panics func(call) bool, together bool) {
	b := newBusyLine(t, db)
	b.panics = panics
	plan, elsewhere := b.plan("contoso", 100_00), b.plan(elsewhere, 100_00)
	old := b.entry(plan, "old", "2026-04", 1_00)
	ledger.New(db).Record(t.Context(), b.now, []ledger.Entry{old})
	batches := [][]ledger.Entry{
		{b.entry(plan, "a", "2026-04", 2_00), b.entry(elsewhere, "a", "2026-04", 2_00)},
		{old, b.entry(plan, "b", "2026-04", 4_00), sick(b), b.entry(plan, "c", "2026-04", 8_00), b.entry(elsewhere, "c", "2026-04", 8_00)},
		{b.entry(plan, "d", "2026-04", 16_00), b.entry(elsewhere, "d", "2026-04", 16_00)},
	}
	if !together {
		b.ledger, batches = ledger.New(b.tap), [][]ledger.Entry{slices.Concat(batches...)}
	}
	var places []*ledger.Place
	var last *ledger.Place
	for _, batch := range batches {
		last = b.ledger.Put(t.Context(), b.now, batch, last)
		places = append(places, last)
	}
	close(b.letGo)
	b.waiting.Wait()
	var got []string
	for _, place := range places {
		<-place.Done()
		got = append(got, said(place.Outcomes())...)
	}
	for i, word := range got {
		switch {
		case strings.Contains(word, "was interrupted by a defect"):
			got[i] = "panic"
		case word == "duplicate" && i != 2: // of its own commit, which was made before the panic
			got[i] = "recorded"
		}
	}
	want := []string{"recorded", "recorded", "duplicate", "recorded", "panic", "recorded", "recorded", "recorded", "recorded"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	b.wantEarned("beside a panic", plan, "2026-04", 31_00)
	b.wantEarned("beside a panic", elsewhere, "2026-04", 26_00)
	b.panics = nil
	b.wantSaid("when the defect is mended", []string{"recorded"}, b.entry(plan, "poison", "2026-04", 32_00))
}

// A store that panics when it is asked how many partitions it has, as often as it has to.
type uncounted struct {
	store.DB
	left atomic.Int32
}

func (u *uncounted) Partitions() int {
	if u.left.Add(-1) >= 0 {
		panic("a defect")
	}
	return u.DB.Partitions()
}

// What panics for a group as a whole is an error of each of its earnings, and ends neither the process nor the line.
func TestE3_GroupThatPanics(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		broken := &uncounted{DB: db}
		broken.left.Store(1)
		w.ledger = ledger.New(broken)
		plan := w.plan("contoso", 100_00)
		first := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, "a", "2026-04", 1_00), w.entry(plan, "b", "2026-04", 1_00)}, nil)
		<-first.Done()
		for i, got := range first.Outcomes() {
			if !fault.IsDefect(got.Err) {
				t.Errorf("earning %d of a group that panics: %+v", i, got)
			}
		}
		next := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, "a", "2026-04", 1_00)}, first)
		<-next.Done()
		if diff := cmp.Diff([]string{"recorded"}, said(next.Outcomes())); diff != "" {
			t.Errorf("the batch after a group that panics (-want +got):\n%s", diff)
		}
	})
}
