package queue

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// atOnce is how many entries are handed out together.
	atOnce = 1000

	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// times are how long things take.
type times struct {
	// block is how long a read waits for new entries, and so how late an end is noticed. answer is how much later Redis
	// may answer it.
	block, answer time.Duration
	// claimAfter is for how long an entry has to have been with a consumer that is silent, and claimEvery how often
	// such entries are looked for.
	claimAfter, claimEvery time.Duration
	// forgetAfter is when a consumer that has nothing is taken off the group's list.
	forgetAfter time.Duration
}

var usual = times{
	block: time.Second, answer: 3 * time.Second, claimAfter: 10 * time.Second, claimEvery: 3 * time.Second, forgetAfter: time.Hour,
}

// An Outcome says what became of an entry.
type Outcome int

// The outcomes. What nobody has decided on is tried again.
const (
	Again Outcome = iota // it could not be done now: the work, or what it needs, is out
	Done                 // it is done, and durably so
	Never                // it cannot be done, and goes to the dead letters
)

// A Verdict is an outcome, and of Never the reason.
type Verdict struct {
	Outcome Outcome
	Reason  string // a stable UPPER_SNAKE_CASE word
	Message string // one sentence for people
}

// A Consumer takes entries from all streams of a queue.
type Consumer struct {
	Queue
	Group string // that shares the work
	Name  string // of the consumer, that no other one has
	// Handle does the work of entries of one stream, in order, and returns a verdict for each. It may be called again
	// with the same ones, and by several goroutines at once, each for another stream.
	Handle func(ctx context.Context, entries []Entry) []Verdict
	// Now tells the time, and Wait returns after a duration, or with the context's error when that is done earlier.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
	Log  *slog.Logger

	times times // the usual ones where they are zero; tests have less
}

// Run takes entries until ctx is done, and returns when what is in hand is finished.
func (c *Consumer) Run(ctx context.Context) {
	var streams sync.WaitGroup
	for _, stream := range c.streams() {
		streams.Go(func() {
			r := &reader{Consumer: c, stream: stream, times: cmp.Or(c.times, usual)}
			r.run(ctx)
		})
	}
	streams.Wait()
}

// A reader takes from one stream for a consumer.
type reader struct {
	*Consumer
	stream string
	times  times
	joined bool      // the group is there
	tidied time.Time // when it last looked after what others left
	ailing bool      // the last try failed; for the log
}

func (r *reader) run(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; {
		err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if r.ailing {
				r.ailing = false
				r.Log.InfoContext(ctx, "stream can be read again", "stream", r.stream)
			}
			pause = firstPause
			continue
		}
		if !r.ailing {
			r.ailing = true
			r.Log.WarnContext(ctx, "stream can't be read; trying again", "stream", r.stream, "error", err)
		}
		r.joined = r.joined && !redis.HasErrorPrefix(err, "NOGROUP") // somebody has emptied Redis
		if cluster, ok := r.Client.(*redis.ClusterClient); ok {
			cluster.ReloadState(ctx) // by itself it looks once a minute for who has taken the place of a dead master
		}
		if r.Wait(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// step takes what there is, and waits a moment for it where there is nothing.
func (r *reader) step(ctx context.Context) error {
	if err := r.join(ctx); err != nil {
		return err
	}
	if now := r.Now(); now.Sub(r.tidied) >= r.times.claimEvery {
		if err := r.claim(ctx); err != nil {
			return err
		}
		if err := r.tidy(ctx); err != nil {
			return err
		}
		r.tidied = now
	}
	messages, err := r.read(ctx)
	if err != nil || len(messages) == 0 {
		return err
	}
	return r.handle(ctx, entries(r.stream, messages))
}

// read waits for new entries. Left to itself the client would wait ten seconds more for a server that is silent.
func (r *reader) read(ctx context.Context) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, r.times.block+r.times.answer)
	defer cancel()
	streams, err := r.Client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: r.Group, Consumer: r.Name, Streams: []string{r.stream, ">"}, Count: atOnce, Block: r.times.block,
	}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return streams[0].Messages, nil
}

// join makes the group where there is none, which begins with the stream's first entry.
func (r *reader) join(ctx context.Context) error {
	if r.joined {
		return nil
	}
	err := r.Client.XGroupCreateMkStream(ctx, r.stream, r.Group, "0").Err()
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return err
	}
	r.joined = true
	return nil
}

// claim takes over what consumers have that died.
func (r *reader) claim(ctx context.Context) error {
	for start := "0-0"; ; {
		messages, next, err := r.Client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: r.stream, Group: r.Group, Consumer: r.Name, MinIdle: r.times.claimAfter, Start: start, Count: atOnce,
		}).Result()
		if err != nil {
			return err
		}
		if len(messages) > 0 {
			r.Log.InfoContext(ctx, "entries of another consumer taken over", "stream", r.stream, "count", len(messages))
			if err := r.handle(ctx, entries(r.stream, messages)); err != nil {
				return err
			}
		}
		if start = next; next == "0-0" || next == "" {
			return nil
		}
	}
}

// handle sees entries through: it ends when each is done or in the dead letters, or ctx is done. What is in hand then is
// finished and acknowledged, so that nobody has to do it again.
func (r *reader) handle(ending context.Context, left []Entry) error {
	ctx := context.WithoutCancel(ending)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		verdicts := r.Handle(ctx, left)
		var again []Entry
		var over []string
		for i, entry := range left {
			var verdict Verdict
			if i < len(verdicts) {
				verdict = verdicts[i]
			}
			switch verdict.Outcome {
			case Again:
				again = append(again, entry)
				continue
			case Never:
				if err := r.bury(ctx, entry, verdict); err != nil {
					return err // it is claimed again
				}
			case Done:
			}
			over = append(over, entry.ID)
		}
		if len(over) > 0 {
			if err := r.Client.XAck(ctx, r.stream, r.Group, over...).Err(); err != nil {
				return err
			}
		}
		if left = again; len(left) == 0 {
			return nil
		}
		if err := r.Wait(ending, pause); err != nil {
			return err
		}
	}
}
