package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	poison  string         // the id of an earning that makes a commit panic
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

func (b *busy) isPoison(batch *store.Batch) bool {
	return b.poison != "" && slices.ContainsFunc(batch.Writes(), func(w store.Write) bool { return strings.HasSuffix(w.Key.ID, "/"+b.poison) })
}

// newBusy keeps the ledger as busy as it gets, with calls of their own partners.
func newBusy(t *testing.T, db store.DB) *busy {
	b := &busy{t: t, world: newWorld(t, db, "azure"), letGo: make(chan struct{})}
	held := make(chan struct{})
	holding := 2
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
		} else if c.operation == commit && b.isPoison(c.batch) {
			panic("a defect")
		}
		return c.do()
	}}
	b.ledger = ledger.New(asOne{b.tap})
	for i := range holding {
		entry := b.entry(b.plan(fmt.Sprint("first-", i), 100_00), "", "2026-04", 1_00)
		b.waiting.Go(func() {
			if got := b.ledger.RecordOne(t.Context(), b.now, entry); got.Err != nil {
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

// One that makes the ledger panic takes none with it that are recorded together with it, wherever they lie.
func TestE3_SingleCallsBesideAPanic(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusy(t, db)
		b.poison = "poison"
		var entries []ledger.Entry
		for i := range 12 {
			entries = append(entries, b.entry(b.plan(fmt.Sprint("p", i), 100_00), "", "2026-04", 1_00))
		}
		sick := b.plan("p0", 100_00)
		got := b.recordOne(append(entries, b.entry(sick, b.poison, "2026-04", 2_00))...)
		for i, word := range got[:len(entries)] {
			if word != "recorded" && word != "duplicate" { // of its own commit, which was made before the panic
				t.Errorf("call %d, beside one that panics: %s", i, word)
			}
		}
		if last := got[len(entries)]; !strings.HasPrefix(last, "recording was interrupted by a defect: a defect\n") {
			t.Errorf("the call that panics: %s", last)
		}
		b.wantEarned("beside a panic", sick, "2026-04", 1_00)
		b.poison = ""
		if got := b.ledger.RecordOne(t.Context(), b.now, b.entry(sick, "poison", "2026-04", 2_00)); got.Err != nil || got.Duplicate {
			t.Errorf("the call when the defect is mended: %+v", got)
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
		close(b.letGo)
		b.waiting.Wait()
		b.wantEarned("refused", plan, "2026-04", 0)
	})
}
