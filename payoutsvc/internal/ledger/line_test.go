package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// A busy ledger is one whose store keeps the first commits until it is let go, so that what is recorded meanwhile waits together.
type busy struct {
	*world
	*tap

	t       *testing.T
	letGo   chan struct{}
	waiting sync.WaitGroup // calls that keep it busy
	panics  func(call) bool
}

// asOne makes many commits as the tap makes each.
type asOne struct{ *tap }

func (a asOne) CommitAll(ctx context.Context, parts []store.Part) []error {
	errs := make([]error, len(parts))
	for i, part := range parts {
		errs[i] = a.Commit(ctx, part.Partition, part.Batch)
	}
	return errs
}

// newBusy keeps the ledger as busy with single calls as it gets, with calls of their own partners.
func newBusy(t *testing.T, db store.DB) *busy {
	return newBusyWith(t, db, 1, func(b *busy, entry ledger.Entry) ledger.Outcome { return b.ledger.RecordOne(t.Context(), b.now, entry) })
}

// newBusyLine keeps the ledger's line of batches busy.
func newBusyLine(t *testing.T, db store.DB) *busy {
	return newBusyWith(t, db, 1, func(b *busy, entry ledger.Entry) ledger.Outcome {
		return b.ledger.Record(t.Context(), b.now, []ledger.Entry{entry})[0]
	})
}

// newBusyWith keeps as many calls as given from going on.
func newBusyWith(t *testing.T, db store.DB, calls int, record func(*busy, ledger.Entry) ledger.Outcome) *busy {
	b := &busy{t: t, world: newWorld(t, db, "azure"), letGo: make(chan struct{})}
	held := make(chan struct{})
	holding := calls
	b.tap = &tap{DB: db, through: func(c call) error {
		b.mu.Lock()
		hold := c.operation == commit && holding > 0
		if hold {
			holding--
		}
		b.mu.Unlock()
		if hold {
			held <- struct{}{}
			<-b.letGo
		} else if b.panics != nil && b.panics(c) {
			panic("a defect")
		}
		return c.do()
	}}
	b.ledger = ledger.New(asOne{b.tap})
	for i := range calls {
		entry := b.entry(b.plan(fmt.Sprint("first-", i), 100_00), "", "2026-04", 1_00)
		b.waiting.Go(func() {
			if got := record(b, entry); got.Err != nil {
				t.Errorf("a call that nobody joins: %v", got.Err)
			}
		})
		<-held
	}
	return b
}

// recordOne records entries by calls that wait together, in their order, and says what became of each.
func (b *busy) recordOne(entries ...ledger.Entry) []string {
	outcomes := make([]ledger.Outcome, len(entries))
	var calls sync.WaitGroup
	for i, entry := range entries {
		calls.Go(func() { outcomes[i] = b.ledger.RecordOne(b.Context(), b.now, entry) })
		b.awaitJoined(i + 1)
	}
	close(b.letGo)
	calls.Wait()
	b.waiting.Wait()
	return said(outcomes)
}

// awaitJoined returns when n calls wait together.
func (b *busy) awaitJoined(n int) {
	b.Helper()
	redistest.Await(b.t, "calls that wait together", func(context.Context) error {
		if joined := b.ledger.Joined(); joined != n {
			return fmt.Errorf("%d, want %d", joined, n)
		}
		return nil
	})
}

// wantNothingCounted checks that what is recorded, or given up, takes no room in the line of batches.
func (w *world) wantNothingCounted() {
	w.Helper()
	if earnings, callers := w.ledger.BatchesCounted(); earnings != 0 || callers != 0 {
		w.Errorf("%d earnings of %d callers count as waiting when none are", earnings, callers)
	}
}

// What single calls record at the same time is recorded together, each with an outcome of its own. Rule E3.
func TestE3_SingleCallsTogether(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusy(t, db)
		plan, other := b.plan("contoso", 100_00), b.plan("fabrikam", 100_00)
		late := b.entry(plan, "late", "2025-06", 1_00) // before the program year
		commits := b.made[commit]
		got := b.recordOne(
			b.entry(plan, "a", "2026-04", 1_00), b.entry(plan, "a", "2026-04", 1_00), b.entry(plan, "a", "2026-04", 2_00),
			late, b.entry(other, "a", "2026-04", 4_00), b.entry(plan, "b", "2026-04", 8_00),
		)
		want := []string{"recorded", "duplicate", "EARNING_ID_REUSED", "EARN_TIME_OUTSIDE_YEAR", "recorded", "recorded"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		b.wantEarned("together", plan, "2026-04", 9_00)
		b.wantEarned("together", other, "2026-04", 4_00)
		if made := b.made[commit] - commits; made > 4 { // one of each partition, and one more each for what is refused
			t.Errorf("six calls at once make %d commits, want at most 4", made)
		}
	})
}

// A caller that has gone takes no other with it, whoever of them came first.
func TestE2_SingleCallsThatAreGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusy(t, db)
		plan := b.plan("contoso", 100_00)
		ctx, giveUp := context.WithCancel(t.Context())
		contexts := []context.Context{ctx, t.Context(), ctx, t.Context()} // the first leads the others
		outcomes := make([]ledger.Outcome, len(contexts))
		var calls sync.WaitGroup
		var gone []chan struct{}
		for i, ctx := range contexts {
			entry := b.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)
			done := make(chan struct{})
			calls.Go(func() {
				defer close(done)
				outcomes[i] = b.ledger.RecordOne(ctx, b.now, entry)
			})
			gone = append(gone, done)
			b.awaitJoined(i + 1)
		}
		giveUp()
		<-gone[0] // while the store still keeps everything waiting
		<-gone[2]
		close(b.letGo)
		calls.Wait()
		b.waiting.Wait()
		for _, i := range []int{1, 3} {
			if err := outcomes[i].Err; err != nil {
				t.Errorf("call %d, beside others that were given up: %v", i, err)
			}
		}
		for _, i := range []int{0, 2} {
			if err := outcomes[i].Err; !errors.Is(err, context.Canceled) {
				t.Errorf("call %d, which was given up: %v", i, err)
			}
		}
		b.wantEarned("two were given up before it was their turn", plan, "2026-04", 2_00)

		got := b.ledger.RecordOne(ctx, b.now, b.entry(plan, "never", "2026-04", 1_00))
		if !errors.Is(got.Err, context.Canceled) {
			t.Errorf("a call that was given up before it began: %v", got.Err)
		}
		b.wantEarned("given up before", plan, "2026-04", 2_00)
	})
}

// What waits is bounded: where too much does, a caller is told to come again.
func TestSingleCallsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusy(t, db)
		b.ledger.Crowd()
		plan := b.plan("contoso", 100_00)
		got := b.ledger.RecordOne(t.Context(), b.now, b.entry(plan, "a", "2026-04", 1_00))
		if fault.KindOf(got.Err) != fault.Unavailable || fault.ReasonOf(got.Err) != "RECORDING_BUSY" {
			t.Errorf("a call that would wait behind too many: %v", got.Err)
		}
		named := auth.WithCaller(t.Context(), auth.Principal{ID: "somebody"})
		var calls sync.WaitGroup
		for i := range 16 {
			calls.Go(func() {
				if got := b.ledger.RecordOne(named, b.now, b.entry(plan, fmt.Sprint("modest-", i), "2026-04", 1_00)); got.Err != nil {
					t.Errorf("one of few calls of a caller, where others fill the line: %v", got.Err)
				}
			})
			b.awaitJoined(i + 1)
		}
		if got := b.ledger.RecordOne(named, b.now, b.entry(plan, "b", "2026-04", 1_00)); fault.ReasonOf(got.Err) != "RECORDING_BUSY" {
			t.Errorf("one more of that caller: %v", got.Err)
		}
		close(b.letGo)
		calls.Wait()
		b.waiting.Wait()
		b.wantEarned("what was not refused", plan, "2026-04", 16_00)
	})
}

// Batches of a line are recorded in its order, however many wait, and each has the outcomes of its own entries. Rules E1, E3.
func TestE3_BatchesOfALineKeepTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		const batches = 300
		var places []*ledger.Place
		var last *ledger.Place
		for i := range batches {
			id := fmt.Sprint("e", i/3) // three batches have the same earning, and the last of them another amount
			amount := int64(1_00)
			if i%3 == 2 {
				amount = 2_00
			}
			last = w.ledger.Put(t.Context(), w.now, []ledger.Entry{
				w.entry(plan, id, "2026-04", amount), w.entry(w.plan(fmt.Sprint("p", i), 100_00), "own", "2026-04", 1_00),
			}, last)
			places = append(places, last)
		}
		for i, place := range places {
			<-place.Done()
			want := []string{[]string{"recorded", "duplicate", "EARNING_ID_REUSED"}[i%3], "recorded"}
			if diff := cmp.Diff(want, said(place.Outcomes())); diff != "" {
				t.Errorf("batch %d (-want +got):\n%s", i, diff)
			}
		}
		w.wantEarned("a third of the batches", plan, "2026-04", batches/3*1_00)
	})
}

// A batch does not overtake the one that it is put behind, however long that takes. Where the store has partitions that fail one by one,
// others do, and do not wait for those that meet the same partition. Rule E1.
func TestE1_BatchesDoNotOvertake(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		for _, together := range []bool{true, false} {
			w := newWorld(t, db, "azure")
			letGo, held := make(chan struct{}), make(chan struct{})
			out := store.PartitionOf("contoso", db.Partitions())
			var began atomic.Bool
			slow := &tap{DB: db, through: func(c call) error {
				if c.operation == commit && c.partition == out {
					if !began.Swap(true) {
						close(held)
					}
					<-letGo
				}
				return c.do()
			}}
			w.ledger = ledger.New(slow)
			if together {
				w.ledger = ledger.New(asOne{slow})
			}
			patience := w.ledger.Hurry()
			plan, id, other := w.plan("contoso", 100_00), fmt.Sprint("e-", together), w.plan(elsewhere, 100_00)
			before := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, id, "2026-04", 1_00)}, nil)
			<-held
			empty := w.ledger.Put(t.Context(), w.now, nil, before) // of a batch of which all was refused
			gone := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, id+"-gone", "2026-04", 1_00)}, empty)
			behind := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, id, "2026-04", 2_00)}, gone)
			w.ledger.GiveUp(gone)
			alike := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, id+"-alike", "2026-04", 1_00)}, nil)
			stranger := w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(other, id, "2026-04", 1_00)}, nil)
			waits := stranger.Done()
			if !together {
				<-waits
				waits = nil
			}
			select {
			case <-behind.Done():
				t.Errorf("together %t: a batch is recorded while the one before it is not", together)
			case <-empty.Done(): // what is put behind it would not wait
				t.Errorf("together %t: an empty batch is done while the one before it is not", together)
			case <-waits:
				t.Error("a store that makes all commits as one is given more than one group")
			case <-time.After(3 * patience):
			}
			if joined := w.ledger.BatchesJoined(); !together && joined != 1 {
				t.Errorf("%d earnings wait, want the one of the batch that must not overtake", joined)
			}
			close(letGo)
			for _, place := range []*ledger.Place{before, behind, alike, stranger} {
				<-place.Done()
			}
			got := slices.Concat(said(before.Outcomes()), said(behind.Outcomes()), said(alike.Outcomes()), said(stranger.Outcomes()))
			if diff := cmp.Diff([]string{"recorded", "EARNING_ID_REUSED", "recorded", "recorded"}, got); diff != "" {
				t.Errorf("together %t (-want +got):\n%s", together, diff)
			}
			redistest.Await(t, "nothing is slow any more", func(context.Context) error {
				if slow := w.ledger.Slow(); slow != 0 {
					return fmt.Errorf("%d groups are", slow)
				}
				return nil
			})
		}
	})
}

// What waits in line is recorded with as few commits as one batch, and what was given up is not.
func TestE2_BatchesTogether(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusyLine(t, db)
		plan := b.plan("contoso", 100_00)
		ctx, giveUp := context.WithCancel(t.Context())
		commits := b.made[commit]
		const batches = 9
		places := make([]*ledger.Place, batches)
		for i := range places {
			by := t.Context()
			if i%3 == 0 {
				by = ctx
			}
			entries := []ledger.Entry{b.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00), b.entry(plan, fmt.Sprint("f", i), "2026-04", 1_00)}
			places[i] = b.ledger.Put(by, b.now, entries, nil)
		}
		if joined := b.ledger.BatchesJoined(); joined != 2*batches {
			t.Errorf("%d earnings wait, want %d", joined, 2*batches)
		}
		giveUp()
		close(b.letGo)
		b.waiting.Wait()
		for i, place := range places {
			<-place.Done()
			for _, got := range place.Outcomes() {
				if gone := i%3 == 0; errors.Is(got.Err, context.Canceled) != gone || !gone && got.Err != nil {
					t.Errorf("batch %d: %v; it was given up: %t", i, got.Err, gone)
				}
			}
		}
		b.wantEarned("two thirds of the batches", plan, "2026-04", batches/3*2*2_00)
		b.wantNothingCounted()
		if made := b.made[commit] - commits; made != 1 {
			t.Errorf("%d batches of one plan that wait together make %d commits, want 1", batches, made)
		}
	})
}

// A batch that waits does not grow without end: the next one is begun, and refused at last.
func TestBatchesAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusyLine(t, db)
		plan := b.plan("contoso", 100_00)
		const large = 4000 // three of them are no group
		same := slices.Repeat([]ledger.Entry{b.entry(plan, "same", "2026-04", 1_00)}, large-1)
		var places []*ledger.Place
		refused := 0
		for i := range 50 {
			place := b.ledger.PutBounded(t.Context(), b.now, append(slices.Clone(same), b.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)))
			places = append(places, place)
			select {
			case <-place.Done():
				refused++
				if err := place.Outcomes()[large-1].Err; fault.KindOf(err) != fault.Unavailable || fault.ReasonOf(err) != "RECORDING_BUSY" {
					t.Errorf("a batch that would wait behind too many: %v", err)
				}
			default:
			}
		}
		if refused != 10 { // 40 of 4,000 are 160,000
			t.Errorf("%d of 50 batches of 4,000 were refused, want 10", refused)
		}
		commits := b.made[commit]
		close(b.letGo)
		b.waiting.Wait()
		for i, place := range places[:40] {
			<-place.Done()
			if got := place.Outcomes()[0]; got.Err != nil || got.Duplicate != (i > 0) {
				t.Fatalf("batch %d: %v, duplicate %t", i, got.Err, got.Duplicate)
			}
		}
		if made := b.made[commit] - commits; made < 20 { // some are made twice: what looks new is a duplicate
			t.Errorf("%d commits for 40 batches of which three are too large for one, want one for two of them", made)
		}
		b.wantEarned("what was not refused", plan, "2026-04", 41_00)
	})
}
