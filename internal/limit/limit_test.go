package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// take makes calls of a caller, and returns how many were taken, and the first refusal.
func take(t *testing.T, l *Limiter, caller string, calls int) (taken int, refusal error) {
	t.Helper()
	for range calls {
		release, err := l.take(t.Context(), caller)
		if err != nil {
			if refusal == nil {
				refusal = err
			}
			continue
		}
		release()
		taken++
	}
	return taken, refusal
}

// wantShare wants so many calls to have been taken as a burst has, and some more for the time that the test took.
func wantShare(t *testing.T, what string, taken, burst int, refusal error) {
	t.Helper()
	if taken < burst || taken > 2*burst {
		t.Errorf("%s: %d calls were taken, want about %d", what, taken, burst)
	}
	e, ok := errors.AsType[*fault.Error](refusal)
	if !ok || e.Kind != fault.Limit || e.Reason != "RATE_EXCEEDED" || e.RetryAfter <= 0 {
		t.Errorf("%s: refused with %#v, want RATE_EXCEEDED and when to come again", what, refusal)
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	l := New(Settings{RateLimit: 10}, nil, quiet())
	taken, refusal := take(t, l, "ann", 1000)
	wantShare(t, "one caller", taken, 20, refusal)
	if taken, refusal := take(t, l, "bob", 20); taken != 20 {
		t.Errorf("another caller, meanwhile: %d of 20 calls were taken: %v", taken, refusal)
	}
	if taken, refusal := take(t, New(Settings{}, nil, quiet()), "ann", 10_000); taken != 10_000 {
		t.Errorf("without a limit: %d of 10,000 calls were taken: %v", taken, refusal)
	}
}

func TestTakeAtOnce(t *testing.T) {
	t.Parallel()
	l := New(Settings{}, nil, quiet())
	var held []func()
	for i := range mostInFlight {
		release, err := l.take(t.Context(), "ann")
		if err != nil {
			t.Fatalf("call %d at once: %v", i, err)
		}
		held = append(held, release)
	}
	if _, err := l.take(t.Context(), "ann"); fault.ReasonOf(err) != "TOO_MANY_CALLS_AT_ONCE" {
		t.Errorf("one more: %v, want TOO_MANY_CALLS_AT_ONCE", err)
	}
	held[0]()
	if _, err := l.take(t.Context(), "ann"); err != nil {
		t.Errorf("when one is over: %v", err)
	}
}

// inRedis is a store's client.
type inRedis struct{ client redis.UniversalClient }

func (r inRedis) Redis() (redis.UniversalClient, string) { return r.client, "plansvc" }

// Instances that have a Redis count together; without it, each goes on by itself.
func TestTakeTogether(t *testing.T) {
	t.Parallel()
	server := redistest.Standalone(t, redistest.Options{})
	client := server.Client(t)
	var instances []*Limiter
	for range 4 {
		instances = append(instances, New(Settings{RateLimit: 100}, inRedis{client}, quiet()))
	}
	all := 0
	var refusal error
	for i := range 4000 {
		taken, err := take(t, instances[i%4], "ann", 1)
		all += taken
		if err != nil {
			refusal = err
		}
	}
	wantShare(t, "four instances", all, 200, refusal)
	if taken, refusal := take(t, instances[0], "bob", 100); taken != 100 {
		t.Errorf("another caller, meanwhile: %d of 100 calls were taken: %v", taken, refusal)
	}
	server.Kill(t)
	taken, refusal := take(t, instances[0], "eve", 4000)
	wantShare(t, "without Redis", taken, 200, refusal)
}

// asks counts what Redis is asked.
type asks struct{ n atomic.Int64 }

func (*asks) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *asks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		a.n.Add(1)
		return next(ctx, cmd)
	}
}

func (*asks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Redis is not asked for each call of a caller that has had its share.
func TestRefusedCallsAskNobody(t *testing.T) {
	t.Parallel()
	client, asked := redistest.Standalone(t, redistest.Options{}).Client(t), &asks{}
	client.AddHook(asked)
	l, now := New(Settings{RateLimit: 10}, inRedis{client}, quiet()), time.Now()
	l.now = func() time.Time { return now }
	for refused := error(nil); refused == nil; {
		_, refused = take(t, l, "ann", 1)
	}
	before := asked.n.Load()
	taken, refusal := take(t, l, "ann", 1000)
	e, ok := errors.AsType[*fault.Error](refusal)
	if got := asked.n.Load() - before; got != 0 || taken != 0 || !ok || e.RetryAfter <= 0 || e.RetryAfter > time.Second/asksPerSecond {
		t.Errorf("1000 calls too many asked Redis %d times, and %d were taken: %#v; want none, and when it is asked again", got, taken, refusal)
	}
	now = now.Add(time.Second / asksPerSecond)
	_, _ = take(t, l, "ann", 1)
	if asked.n.Load() == before {
		t.Error("later Redis is not asked again")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for limit, ok := range map[int]bool{0: true, 1: true, 1000: true, -1: false} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			if err := (Settings{RateLimit: limit}).Check(); (err == nil) != ok {
				t.Errorf("a limit of %d: %v", limit, err)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	var p Places
	first, ok := p.Take("a", 2)
	_, also := p.Take("a", 2)
	if !ok || !also {
		t.Fatal("there are two places, and no two are taken")
	}
	if _, ok := p.Take("a", 2); ok {
		t.Error("a third place is taken")
	}
	if _, ok := p.Take("b", 2); !ok {
		t.Error("another key has no place")
	}
	first()
	first() // twice is once
	if _, ok := p.Take("a", 2); !ok {
		t.Error("a place that was left is not taken")
	}
	if _, ok := p.Take("a", 2); ok {
		t.Error("a place that was left is taken twice")
	}
}

// Calls that wait for a Redis that hangs wait once, and not one after the other.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := redis.NewClient(&redis.Options{Addr: silent.Addr().String(), MaxRetries: -1, ContextTimeoutEnabled: true})
	defer client.Close()
	l := New(Settings{RateLimit: 1000}, inRedis{client}, quiet())
	began := time.Now()
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			release, err := l.take(t.Context(), "ann")
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	calls.Wait()
	if took := time.Since(began); took > 10*sharedPatience {
		t.Errorf("50 calls at once took %s, want about %s", took, sharedPatience)
	}
}
