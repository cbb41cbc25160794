package queue_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// A consumer dies with its process: what it has in hand never comes to an end.
func TestWhatADeadConsumerLeftIsClaimed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 2)
		for i := range 20 {
			add(t, q, i%2, "n", i)
		}
		dead := &diary{}
		forever := make(chan struct{})
		c := consumer(q, "dies", func(ctx context.Context, entries []queue.Entry) []queue.Verdict {
			verdicts := dead.handle(ctx, entries)
			<-forever
			return verdicts
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := run(ctx, c)
		dead.awaitSeen(t, 20)
		cancel()

		heir := &diary{}
		start(t, consumer(q, "heir", heir.handle))
		awaitFinished(t, q)
		if got := len(heir.seen()); got != 20 {
			t.Errorf("another consumer was handed %d of the 20 entries that a dead one left", got)
		}
		close(forever) // it was not dead, only slow: that does no harm
		awaitEnd(t, c, ended)
		if err := unfinished(q); err != nil {
			t.Errorf("after the slow one's end: %v", err)
		}
	})
}

// A consumer is told to end while the work is out.
func TestWhatAConsumerCouldNotFinishIsClaimed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		for i := range 20 {
			add(t, q, 0, "n", i)
		}
		first := &diary{decide: func(e queue.Entry, _ int) queue.Verdict {
			if e.Fields["n"] < "5" {
				return queue.Verdict{Outcome: queue.Done}
			}
			return queue.Verdict{Outcome: queue.Again}
		}}
		stop := start(t, consumer(q, "first", first.handle))
		first.awaitSeen(t, 20)
		stop()
		left, err := pending(q)
		if err != nil || len(left) == 0 {
			t.Fatalf("pending %v (%v), want what could not be done", left, err)
		}
		second := &diary{}
		start(t, consumer(q, "second", second.handle))
		awaitFinished(t, q)
		for _, source := range left {
			if second.seen()[source] == 0 {
				t.Errorf("%s was left, and never handed out again", source)
			}
		}
		if got := len(second.seen()); got != len(left) {
			t.Errorf("%d entries were claimed, want %d: what is done stays done", got, len(left))
		}
	})
}

func TestARedisThatIsKilledTakesNothingWithIt(t *testing.T) {
	t.Parallel()
	server := redistest.Standalone(t, redistest.Options{})
	q := newQueue(dial(t, server.URL()), 2)
	const n = 5000 // so that there are several turns
	sources := map[string]bool{}
	for i := range n {
		sources[add(t, q, i%2, "n", i)] = true
	}
	var once sync.Once
	killed := make(chan struct{})
	d := &diary{decide: func(e queue.Entry, _ int) queue.Verdict {
		if e.Fields["n"] == "3000" {
			once.Do(func() {
				server.Kill(t)
				close(killed)
			})
		}
		return queue.Verdict{Outcome: queue.Done}
	}}
	c := consumer(q, "one", d.handle)
	waited := make(chan time.Duration, 1000)
	c.Wait = func(ctx context.Context, pause time.Duration) error {
		select {
		case waited <- pause:
		default:
		}
		return wait(ctx, pause)
	}
	start(t, c)
	<-killed
	for { // until it is tried seldom
		if pause := <-waited; pause == 5*time.Second {
			break
		}
	}
	server.Restart(t)
	awaitFinished(t, q)
	seen := d.seen()
	for source := range sources {
		if seen[source] == 0 {
			t.Errorf("%s was never handed out", source)
		}
	}
	if len(seen) != n {
		t.Errorf("%d entries were handed out, want %d", len(seen), n)
	}
}

func TestARedisThatWasEmptiedIsFilledAgain(t *testing.T) {
	t.Parallel()
	server := redistest.Standalone(t, redistest.Options{})
	q := newQueue(dial(t, server.URL()), 2)
	d := &diary{}
	start(t, consumer(q, "one", d.handle))
	add(t, q, 0, "n", 1)
	awaitFinished(t, q)
	for i := range 3 {
		if err := q.Client.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		add(t, q, 1, "n", 2) // before there is a group, which begins with the first one
		d.awaitSeen(t, i+2)
		awaitFinished(t, q)
	}
}

func TestARedisThatHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Standalone(t, redistest.Options{})
	q := newQueue(dial(t, server.URL()+"?read_timeout=200ms"), 1)
	source := add(t, q, 0, "n", 1)
	working, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d := &diary{decide: func(queue.Entry, int) queue.Verdict {
		once.Do(func() {
			close(working)
			<-resume
		})
		return queue.Verdict{Outcome: queue.Done}
	}}
	c := consumer(q, "one", d.handle)
	failed := make(chan struct{}, 1000)
	c.Wait = func(ctx context.Context, pause time.Duration) error {
		failed <- struct{}{}
		return wait(ctx, pause)
	}
	stop := start(t, c)
	<-working
	server.Pause(t)
	close(resume)
	for range 2 { // acknowledging it fails, and then reading
		<-failed
	}
	server.Resume(t)
	late := add(t, q, 0, "n", 2)
	d.awaitSeen(t, 2)
	awaitFinished(t, q)
	if seen := d.seen(); seen[source] == 0 || seen[late] == 0 {
		t.Errorf("handed out are %v, want %s and %s", seen, source, late)
	}
	server.Pause(t)
	stop() // fails where it takes long
	server.Resume(t)
}

func TestAClusterThatLosesAMasterGoesOn(t *testing.T) {
	t.Parallel()
	cluster := redistest.NewCluster(t, redistest.Options{})
	q := newQueue(dial(t, cluster.URL()), 3)
	d := &diary{}
	start(t, consumer(q, "one", d.handle))
	for i := range 30 {
		add(t, q, i%3, "n", i)
	}
	awaitFinished(t, q)
	master := cluster.MasterOf(t, streamKey(q, 0))
	master.Kill(t)
	late := map[string]bool{}
	for i := range 30 {
		redistest.Await(t, "an entry can be added", func(context.Context) error {
			id, err := q.Client.XAdd(context.Background(), &redis.XAddArgs{Stream: streamKey(q, i%3), Values: []any{"late", i}}).Result()
			if err == nil {
				late[streamKey(q, i%3)+" "+id] = true
			}
			return err
		})
	}
	awaitFinished(t, q)
	seen := d.seen()
	for source := range late {
		if seen[source] == 0 {
			t.Errorf("%s was never handed out", source)
		}
	}
}
