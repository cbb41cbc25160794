package queue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
)

// Producers add, consumers work, and one of them dies with whatever it has in hand.
func TestNothingIsLostInACrowd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		const producers, each = 4, 2500
		q := newQueue(client, 4)
		var producing sync.WaitGroup
		for p := range producers {
			producing.Go(func() { produce(t, q, p*each, each) })
		}
		d := &diary{decide: func(e queue.Entry, _ int) queue.Verdict {
			if n, err := strconv.Atoi(e.Fields["n"]); err != nil || n%500 == 7 {
				return queue.Verdict{Outcome: queue.Never, Reason: "SEVEN"}
			}
			return queue.Verdict{Outcome: queue.Done}
		}}
		dead := startMortal(t, q, d)
		<-dead
		for _, name := range []string{"one", "two"} {
			start(t, consumer(q, name, d.handle))
		}
		producing.Wait()
		d.awaitSeen(t, producers*each)
		awaitFinished(t, q)

		numbers := map[string]bool{}
		for _, e := range d.entries {
			numbers[e.Fields["n"]] = true
		}
		if len(numbers) != producers*each || len(d.seen()) != producers*each {
			t.Errorf("%d entries with %d numbers were handed out, want %d", len(d.seen()), len(numbers), producers*each)
		}
		buried := map[string]int{}
		for _, letter := range letters(t, q) {
			buried[letter.Entry.Fields["n"]]++
		}
		for i := 7; i < producers*each; i += 500 {
			if got := buried[strconv.Itoa(i)]; got != 1 {
				t.Errorf("number %d is %d times among the dead letters, want once", i, got)
			}
		}
		if len(buried) != producers*each/500 {
			t.Errorf("%d numbers among the dead letters, want %d", len(buried), producers*each/500)
		}
	})
}

// produce adds numbered entries, some at a time.
func produce(t *testing.T, q queue.Queue, first, n int) {
	const part = 50
	for i := 0; i < n; i += part {
		pipe := q.Client.Pipeline()
		for k := range part {
			pipe.XAdd(context.Background(), &redis.XAddArgs{
				Stream: streamKey(q, rand.IntN(q.Streams)), Values: []any{"n", strconv.Itoa(first + i + k)},
			})
		}
		if _, err := pipe.Exec(context.Background()); err != nil {
			t.Errorf("producing: %v", err)
			return
		}
	}
}

// startMortal starts a consumer that works for some turns, and never comes back from those after them. The channel is
// closed when it is dead, with entries in hand.
func startMortal(t *testing.T, q queue.Queue, d *diary) (dead <-chan struct{}) {
	t.Helper()
	var turns atomic.Int64
	last := rand.Int64N(int64(q.Streams)) // each stream has a turn at least
	t.Logf("one consumer dies after %d turns", last)
	died, forever := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c := consumer(q, "mortal", func(ctx context.Context, entries []queue.Entry) []queue.Verdict {
		if turns.Add(1) > last {
			once.Do(func() { close(died) })
			<-forever
			return nil // nobody is there any more
		}
		return d.handle(ctx, entries)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := run(ctx, c)
	t.Cleanup(func() {
		cancel()
		close(forever)
		awaitEnd(t, c, ended)
	})
	return died
}

// Not in parallel: it counts all goroutines.
func TestAnEndLeavesNothingRunning(t *testing.T) {
	urls := map[string]string{"one server": shared.Standalone(t).URL(), "a Cluster": shared.Cluster(t).URL()}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			client, _, err := redisstore.Dial(url, nil)
			if err != nil {
				t.Fatal(err)
			}
			q := newQueue(client, 5)
			for i := range q.Streams {
				add(t, q, i, "poison", fmt.Sprint(i))
			}
			d := &diary{decide: poisoned}
			stop := start(t, consumer(q, "one", d.handle))
			awaitFinished(t, q)
			stop()
			if err := client.Close(); err != nil {
				t.Errorf("closing the client: %v", err)
			}
			if err := goleak.Find(before); err != nil {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}
