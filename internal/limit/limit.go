// Package limit keeps one caller from taking what is there for all: by how many calls it makes a second, by how many it has
// in flight, by what they look at ([Scan]), and by whose turn it is to read what is large ([Turns]).
package limit

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
)

// Settings are how much one caller may take.
type Settings struct {
	RateLimit int `placeholder:"CALLS" default:"1000" help:"Calls a second that a caller may make, twice as many at once; 0: any number (default ${default})."`
}

// Check returns what is wrong with the settings, in one line.
func (s Settings) Check() error {
	if s.RateLimit < 0 || s.RateLimit > math.MaxInt32 {
		return errors.New("--rate-limit is a number of calls a second, from 0 (any number) on")
	}
	return nil
}

const (
	// mostInFlight is how many calls of one caller are worked on at once. A gateway has those of many callers.
	mostInFlight = 256
	// mostCallers is how many callers are remembered, those that called last.
	mostCallers = 10_000
	// asksPerSecond is how many times a second an instance asks Redis for a caller that calls as often as it may.
	asksPerSecond = 50
	// sharedPatience is how long Redis has to answer; without an answer, each instance counts for itself for outTime.
	sharedPatience = 200 * time.Millisecond
	outTime        = time.Second
)

// A Limiter knows what each caller has taken. Where its Redis is set, several instances count together.
type Limiter struct {
	perSecond int
	inFlight  Places              // by caller
	scans     Places              // likewise; see Scan.Look
	turns     *Turns              // likewise; see Scan.Turn
	shared    *redis_rate.Limiter // nil where each instance counts for itself
	prefix    string
	log       *slog.Logger

	mu      sync.Mutex
	callers *lru.Cache[string, *caller]
	out     time.Time // when Redis last did not answer
	now     clock.Clock
}

// A caller is what one has taken.
type caller struct {
	own     *rate.Limiter // of calls, where Redis does not count them
	entries *rate.Limiter // that its scans look at
	large   atomic.Int64  // when it last read something large, in Unix nanoseconds

	leasing  sync.Mutex // also while Redis is asked
	leased   int        // calls that Redis has granted, and that were not made yet
	askAgain time.Time  // when it may be asked again that has granted none
}

// Shared is a store in a Redis. The instances of a service count together there, under keys that begin with rate: and the prefix.
type Shared interface {
	Redis() (client redis.UniversalClient, prefix string)
}

// New is a limiter by the settings, which have passed Check, for a service with a store: if that is Shared, its instances count together.
func New(s Settings, db any, log *slog.Logger) *Limiter {
	callers, err := lru.New[string, *caller](mostCallers)
	if err != nil {
		panic(err) //nolint:forbidigo // the size is a constant above 0
	}
	l := &Limiter{perSecond: s.RateLimit, log: log, callers: callers, turns: NewTurns(), now: clock.Real()}
	if shared, ok := db.(Shared); ok {
		client, prefix := shared.Redis()
		l.shared, l.prefix = redis_rate.NewLimiter(client), prefix
	}
	return l
}

// take takes one call of a caller, without a Scan.
func (l *Limiter) take(ctx context.Context, name string) (release func(), err error) {
	release, ok := l.inFlight.Take(name, mostInFlight)
	if !ok {
		return nil, tooMuch("TOO_MANY_CALLS_AT_ONCE", time.Second, "%d calls of this caller are in flight, which is as many as are taken", mostInFlight)
	}
	if l.perSecond > 0 {
		if err := l.count(ctx, name, l.caller(name)); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

func tooMuch(reason string, after time.Duration, format string, args ...any) error {
	e := fault.New(fault.Limit, reason, format, args...)
	e.RetryAfter = max(after, time.Millisecond)
	return e
}

func (l *Limiter) caller(name string) *caller {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.callers.Get(name)
	if !ok {
		c = &caller{
			own:     rate.NewLimiter(rate.Limit(l.perSecond), 2*l.perSecond),
			entries: rate.NewLimiter(rate.Limit(l.scanRate()), scanBurst),
		}
		l.callers.Add(name, c)
	}
	return c
}

// count counts one call.
func (l *Limiter) count(ctx context.Context, name string, c *caller) error {
	if l.asksRedis() {
		granted, after, err := l.lease(ctx, name, c)
		switch {
		case err == nil && granted:
			return nil
		case err == nil:
			return l.exceeded(after)
		case ctx.Err() != nil:
			return ctx.Err()
		case l.setOut():
			l.log.WarnContext(ctx, "each instance counts the calls of a caller for itself: Redis does not answer", "error", err)
		}
	}
	reservation := c.own.Reserve()
	if after := reservation.Delay(); after > 0 {
		reservation.Cancel()
		return l.exceeded(after)
	}
	return nil
}

// asksRedis tells whether there is a Redis to ask, and it is not out.
func (l *Limiter) asksRedis() bool {
	if l.shared == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now().Sub(l.out) >= outTime
}

// setOut takes note that Redis is out, and tells whether that is news.
func (l *Limiter) setOut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	news := now.Sub(l.out) >= outTime
	if news {
		l.out = now
	}
	return news
}

// errOut is what a call learns that has waited while another one asked in vain.
var errOut = errors.New("it has not answered a moment ago")

func (l *Limiter) exceeded(after time.Duration) error {
	return tooMuch("RATE_EXCEEDED", after, "more than the %d calls a second that one caller may make", l.perSecond)
}

// lease takes a call from those that Redis has granted, and asks for more where there are none left.
func (l *Limiter) lease(ctx context.Context, name string, c *caller) (granted bool, after time.Duration, err error) {
	c.leasing.Lock()
	defer c.leasing.Unlock()
	if !l.asksRedis() {
		return false, 0, errOut // or each that waits would wait for Redis in its turn
	}
	if c.leased == 0 {
		if wait := c.askAgain.Sub(l.now()); wait > 0 {
			return false, wait, nil
		}
		asked, cancel := context.WithTimeout(ctx, sharedPatience)
		defer cancel()
		answer, err := l.shared.AllowAtMost(asked, l.prefix+":"+name, redis_rate.Limit{
			Rate: l.perSecond, Burst: 2 * l.perSecond, Period: time.Second,
		}, max(1, l.perSecond/asksPerSecond))
		if err != nil {
			return false, 0, err
		}
		if answer.Allowed == 0 {
			c.askAgain = l.now().Add(time.Second / asksPerSecond)
			return false, answer.RetryAfter, nil
		}
		c.leased = answer.Allowed
	}
	c.leased--
	return true, 0, nil
}
