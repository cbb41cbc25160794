package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// shared are the servers that tests use which harm none.
var shared redistest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

// onEach runs a test on one server and on a Cluster.
func onEach(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	for name, url := range map[string]func(t *testing.T) string{
		"one server": func(t *testing.T) string { return shared.Standalone(t).URL() },
		"a Cluster":  func(t *testing.T) string { return shared.Cluster(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dial(t, url(t)))
		})
	}
}

// dial makes a client as the services do.
func dial(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, _, err := redisstore.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// queues counts what newQueue has returned.
var queues atomic.Int64

// newQueue returns a queue that no other test uses.
func newQueue(client redis.UniversalClient, streams int) queue.Queue {
	return queue.Queue{Client: client, Name: fmt.Sprintf("queue%d", queues.Add(1)), Streams: streams}
}

const group = "workers"

// consumer makes one that waits for nothing for long, and looks after the entries of others whenever it can.
func consumer(q queue.Queue, name string, handle func(context.Context, []queue.Entry) []queue.Verdict) *queue.Consumer {
	var looks atomic.Int64
	c := &queue.Consumer{
		Queue: q, Group: group, Name: name, Handle: handle, Wait: wait, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(0, 0).Add(time.Duration(looks.Add(1)) * time.Minute) },
	}
	return c.Hurry()
}

// wait waits a moment, however long it is told to.
func wait(ctx context.Context, _ time.Duration) error {
	moment, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	<-moment.Done()
	return ctx.Err()
}

// start lets a consumer run until the test is over or stop is called, which returns when the consumer has ended.
func start(t *testing.T, c *queue.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := run(ctx, c)
	stop = func() {
		t.Helper()
		cancel()
		awaitEnd(t, c, ended)
	}
	t.Cleanup(stop)
	return stop
}

// run lets a consumer run until ctx is done. The channel is closed when it has ended.
func run(ctx context.Context, c *queue.Consumer) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	return done
}

// awaitEnd waits for the end of a consumer that was told to.
func awaitEnd(t *testing.T, c *queue.Consumer, ended <-chan struct{}) {
	t.Helper()
	limit, release := context.WithTimeout(context.Background(), 5*time.Second)
	defer release()
	select {
	case <-ended:
	case <-limit.Done():
		t.Errorf("the consumer %s has not ended 5 seconds after it was told to", c.Name)
	}
}

// add adds an entry to a stream, and returns its source.
func add(t *testing.T, q queue.Queue, stream int, fields ...any) string {
	t.Helper()
	key := streamKey(q, stream)
	id, err := q.Client.XAdd(context.Background(), &redis.XAddArgs{Stream: key, Values: fields}).Result()
	if err != nil {
		t.Fatalf("adding an entry: %v", err)
	}
	return key + " " + id
}

func streamKey(q queue.Queue, stream int) string { return fmt.Sprintf("%s:{%d}", q.Name, stream) }

// A diary notes what it is handed out, and does with it what it is told.
type diary struct {
	decide func(e queue.Entry, times int) queue.Verdict // nil does all

	mu      sync.Mutex
	entries []queue.Entry  // in the order in which they came
	times   map[string]int // how often, by source
}

func (d *diary) handle(_ context.Context, entries []queue.Entry) []queue.Verdict {
	verdicts := make([]queue.Verdict, len(entries))
	for i, e := range entries {
		verdicts[i] = queue.Verdict{Outcome: queue.Done}
		if times := d.note(e); d.decide != nil {
			verdicts[i] = d.decide(e, times)
		}
	}
	return verdicts
}

// note returns how often the entry has come.
func (d *diary) note(e queue.Entry) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times == nil {
		d.times = map[string]int{}
	}
	d.entries = append(d.entries, e)
	d.times[e.Source()]++
	return d.times[e.Source()]
}

// seen returns how often each entry came, by its source.
func (d *diary) seen() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.times)
}

// awaitSeen waits until so many entries have come.
func (d *diary) awaitSeen(t *testing.T, n int) {
	t.Helper()
	redistest.Await(t, fmt.Sprintf("%d entries are handed out", n), func(context.Context) error {
		if got := len(d.seen()); got < n {
			return fmt.Errorf("%d are", got)
		}
		return nil
	})
}

// unfinished says what of a queue is not acknowledged by the group; nil is all.
func unfinished(q queue.Queue) error {
	ctx := context.Background()
	for i := range q.Streams {
		key := streamKey(q, i)
		groups, err := q.Client.XInfoGroups(ctx, key).Result()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == group })
		if at < 0 {
			return fmt.Errorf("%s has no group yet", key)
		}
		waiting, err := q.Client.XRange(ctx, key, "("+groups[at].LastDeliveredID, "+").Result()
		if err != nil {
			return err
		}
		if groups[at].Pending != 0 || len(waiting) != 0 {
			return fmt.Errorf("%s: %d entries are pending, and %d were not handed out", key, groups[at].Pending, len(waiting))
		}
	}
	return nil
}

// awaitFinished waits until all is acknowledged.
func awaitFinished(t *testing.T, q queue.Queue) {
	t.Helper()
	redistest.Await(t, "all entries are acknowledged", func(context.Context) error { return unfinished(q) })
}

// pending returns the sources of what is handed out and not acknowledged.
func pending(q queue.Queue) ([]string, error) {
	var sources []string
	for i := range q.Streams {
		key := streamKey(q, i)
		list, err := q.Client.XPendingExt(context.Background(), &redis.XPendingExtArgs{
			Stream: key, Group: group, Start: "-", End: "+", Count: 10_000,
		}).Result()
		if err != nil && !strings.HasPrefix(err.Error(), "NOGROUP") {
			return nil, err
		}
		for _, p := range list {
			sources = append(sources, key+" "+p.ID)
		}
	}
	return sources, nil
}

// letters returns all dead letters.
func letters(t *testing.T, q queue.Queue) []queue.Dead {
	t.Helper()
	all, err := q.Dead(context.Background(), "", "", 100_000)
	if err != nil {
		t.Fatalf("listing the dead letters: %v", err)
	}
	return all
}

var errNotYet = errors.New("not yet")
