package rpc

import (
	"context"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
)

const (
	// tellEvery is how often the same refusal of the same caller is in the log: abuse must not fill a disk.
	tellEvery = time.Minute
	// mostTold is how many lines a second there are, for long, of all refusals of strangers, and as many of callers who are known: strangers
	// must not be able to keep out of the log what those are refused.
	mostTold = 20
	// mostRefusals is how many different ones are remembered.
	mostRefusals = 10_000
)

// A Refusal is a kind of refused calls.
type Refusal struct {
	Source string // the address that they came from
	Caller string // who made them, "" where that is not known
	Call   string // the method, or the HTTP method and path as the API has it; never the caller's own words
	Reason string
	Cause  string // what the caller is not told, "" where there is no more than the reason
}

// Refusals log refused calls: the first of a kind, and when the next comes a minute later or more, how many there were since.
type Refusals struct {
	log *slog.Logger
	now clock.Clock

	mu        sync.Mutex
	strangers *rate.Limiter
	callers   *rate.Limiter
	known     *lru.Cache[Refusal, *told]
}

// told is when a refusal was last logged, and how many came since.
type told struct {
	at    time.Time
	since int
}

// NewRefusals makes one that logs to log.
func NewRefusals(log *slog.Logger) *Refusals {
	known, err := lru.New[Refusal, *told](mostRefusals)
	if err != nil {
		panic(err) //nolint:forbidigo // the size is a constant above 0
	}
	pace := func() *rate.Limiter { return rate.NewLimiter(mostTold, 10*mostTold) }
	return &Refusals{log: log, now: clock.Real(), known: known, strangers: pace(), callers: pace()}
}

// Tell logs a call that was refused, if it is time to, with what else is known of it: name, value, name, value …
// Those that tell of somebody who wants what is not theirs are warnings.
func (r *Refusals) Tell(ctx context.Context, kind fault.Kind, refused Refusal, more ...any) {
	level := slog.LevelInfo
	if kind == fault.Unauthenticated || kind == fault.Denied || kind == fault.Limit || kind == fault.Unavailable {
		level = slog.LevelWarn
	}
	if since, ok := r.due(refused); ok {
		about := []any{"call", refused.Call, "reason", refused.Reason, "cause", refused.Cause, "caller", refused.Caller, "from", refused.Source, "more", since}
		r.log.Log(ctx, level, "a call was refused", append(about, more...)...)
	}
}

// due tells whether a refusal is to be logged, and how many there were since it last was.
func (r *Refusals) due(refused Refusal) (since int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	last, ok := r.known.Get(refused)
	if ok && now.Sub(last.at) < tellEvery {
		last.since++
		return 0, false
	}
	pace := r.callers
	if refused.Caller == "" {
		pace = r.strangers
	}
	if !pace.AllowN(now, 1) {
		if !ok {
			last = &told{}
			r.known.Add(refused, last)
		}
		last.since++
		return 0, false
	}
	r.known.Add(refused, &told{at: now})
	if !ok {
		return 0, true
	}
	return last.since, true
}
