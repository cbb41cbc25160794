package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/queue"
)

func TestEveryEntryIsHandedOutAndAcknowledgedAfterItsVerdict(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 3)
		want := map[string][]string{} // what each stream's entries say, in order
		for i := range 90 {
			text := fmt.Sprintf("entry %d\n\x00\xff", i)
			add(t, q, i%3, "text", text, "", "empty", "empty", "")
			want[streamKey(q, i%3)] = append(want[streamKey(q, i%3)], text)
		}
		d := &diary{}
		stop := start(t, consumer(q, "one", func(ctx context.Context, entries []queue.Entry) []queue.Verdict {
			waiting, err := pending(q)
			for _, e := range entries {
				if !slices.Contains(waiting, e.Source()) {
					t.Errorf("%s is not pending while it is worked on (%v): it was acknowledged before its verdict", e.Source(), err)
				}
			}
			return d.handle(ctx, entries)
		}))
		for i := range 9 { // while it waits for them
			text := fmt.Sprintf("late %d", i)
			want[streamKey(q, i%3)] = append(want[streamKey(q, i%3)], text)
			add(t, q, i%3, "text", text)
		}
		awaitFinished(t, q)
		stop()
		got := map[string][]string{}
		for _, e := range d.entries {
			got[e.Stream] = append(got[e.Stream], e.Fields["text"])
			if _, ok := e.Fields[""]; !ok && !strings.HasPrefix(e.Fields["text"], "late") {
				t.Errorf("%s came as %q, want all of its fields", e.Source(), e.Fields)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entries handed out, by stream (-want +got):\n%s", diff)
		}
		if dead := letters(t, q); len(dead) != 0 {
			t.Errorf("dead letters %v, want none", dead)
		}
	})
}

func TestAgainIsTriedWithGrowingPausesAndNotAcknowledged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		good, out, other := add(t, q, 0, "n", "1"), add(t, q, 0, "n", "2"), add(t, q, 0, "n", "3")
		d := &diary{decide: func(e queue.Entry, times int) queue.Verdict {
			if e.Fields["n"] == "2" && times <= 9 {
				return queue.Verdict{Outcome: queue.Again}
			}
			return queue.Verdict{Outcome: queue.Done}
		}}
		c := consumer(q, "one", d.handle)
		var mu sync.Mutex
		var pauses []time.Duration
		c.Wait = func(_ context.Context, pause time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, pause)
			got, err := pending(q)
			if diff := cmp.Diff([]string{out}, got); diff != "" {
				t.Errorf("pending before pause %d (-want +got): %v\n%s", len(pauses), err, diff)
			}
			return nil
		}
		stop := start(t, c)
		awaitFinished(t, q)
		stop()
		const ms = time.Millisecond
		want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, 5000 * ms}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{good: 1, out: 10, other: 1}, d.seen()); diff != "" {
			t.Errorf("how often entries were handed out (-want +got):\n%s", diff)
		}
	})
}

func TestAnEntryWithoutAVerdictIsTriedAgain(t *testing.T) {
	t.Parallel()
	q := newQueue(dial(t, shared.Standalone(t).URL()), 1)
	first, second := add(t, q, 0, "n", "1"), add(t, q, 0, "n", "2")
	d := &diary{}
	stop := start(t, consumer(q, "one", func(ctx context.Context, entries []queue.Entry) []queue.Verdict {
		verdicts := d.handle(ctx, entries)
		if len(entries) == 2 {
			return verdicts[:1]
		}
		return append(verdicts, queue.Verdict{}, queue.Verdict{}) // more than asked for
	}))
	awaitFinished(t, q)
	stop()
	if diff := cmp.Diff(map[string]int{first: 1, second: 2}, d.seen()); diff != "" {
		t.Errorf("how often entries were handed out (-want +got):\n%s", diff)
	}
	if (queue.Verdict{}).Outcome != queue.Again {
		t.Error("a verdict that nobody has given is not Again")
	}
}

func TestAnEndFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		done, never := add(t, q, 0, "n", "1"), add(t, q, 0, "n", "2")
		again := add(t, q, 0, "n", "3")
		d := &diary{decide: func(e queue.Entry, _ int) queue.Verdict {
			return queue.Verdict{Outcome: map[string]queue.Outcome{"1": queue.Done, "2": queue.Never, "3": queue.Again}[e.Fields["n"]]}
		}}
		begun, finish := make(chan struct{}), make(chan struct{})
		var once sync.Once
		c := consumer(q, "one", func(ctx context.Context, entries []queue.Entry) []queue.Verdict {
			once.Do(func() { close(begun) })
			<-finish
			if err := ctx.Err(); err != nil {
				t.Errorf("what is in hand is told to end: %v", err)
			}
			return d.handle(ctx, entries)
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := run(ctx, c)
		<-begun
		cancel()
		late := add(t, q, 0, "n", "1")
		select {
		case <-ended:
			t.Error("it has ended while work was in hand")
		default:
		}
		close(finish)
		awaitEnd(t, c, ended)
		if diff := cmp.Diff(map[string]int{done: 1, never: 1, again: 1}, d.seen()); diff != "" {
			t.Errorf("how often entries were handed out; %s came after the end (-want +got):\n%s", late, diff)
		}
		waiting, err := pending(q)
		if diff := cmp.Diff([]string{again}, waiting); err != nil || diff != "" {
			t.Errorf("pending after the end, what could not be done alone (-want +got): %v\n%s", err, diff)
		}
		if dead := letters(t, q); len(dead) != 1 || dead[0].Entry.Source() != never {
			t.Errorf("dead letters %v, want one of %s", dead, never)
		}
	})
}

func TestAnEndDoesNotWaitForWorkThatIsOut(t *testing.T) {
	t.Parallel()
	q := newQueue(dial(t, shared.Standalone(t).URL()), 1)
	add(t, q, 0, "n", "1")
	d := &diary{decide: func(queue.Entry, int) queue.Verdict { return queue.Verdict{Outcome: queue.Again} }}
	c := consumer(q, "one", d.handle)
	pausing := make(chan struct{}, 100)
	c.Wait = func(ctx context.Context, _ time.Duration) error {
		pausing <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	stop := start(t, c)
	<-pausing
	stop() // fails where it takes long
	if got, err := pending(q); err != nil || len(got) != 1 {
		t.Errorf("pending %v (%v), want the entry", got, err)
	}
}
