package queue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// atOnce is how many entries are handed out together.
	atOnce = 1000
	// block is how long a read waits for new entries, and so how late an end is noticed.
	block = time.Second
	// claimAfter is for how long an entry has to have been with a consumer that is silent, and claimEvery how often
	// it is looked for.
	claimAfter = 10 * time.Second
	claimEvery = 3 * time.Second
	// forgetAfter is when a consumer that has nothing is taken off the group's list.
	forgetAfter = time.Hour

	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// An Outcome says what became of an entry.
type Outcome int

// The outcomes.
const (
	Done  Outcome = iota // it is done, and durably so
	Again                // it could not be done now: the work, or what it needs, is out
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
}

// Run takes entries until ctx is done, and returns when what is in hand is finished.
func (c *Consumer) Run(ctx context.Context) {
	var streams sync.WaitGroup
	for _, stream := range c.streams() {
		streams.Go(func() {
			s := &source{Consumer: c, stream: stream}
			s.run(ctx)
		})
	}
	streams.Wait()
}

// A source is one stream that a consumer takes from.
type source struct {
	*Consumer
	stream string
	joined bool      // the group is there
	tidied time.Time // when it last looked after what others left
	ailing bool      // the last try failed; for the log
}

func (s *source) run(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; {
		err := s.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if s.ailing {
				s.ailing = false
				s.Log.InfoContext(ctx, "stream can be read again", "stream", s.stream)
			}
			pause = firstPause
			continue
		}
		if !s.ailing {
			s.ailing = true
			s.Log.WarnContext(ctx, "stream can't be read; trying again", "stream", s.stream, "error", err)
		}
		s.joined = s.joined && !redis.HasErrorPrefix(err, "NOGROUP") // somebody has emptied Redis
		if s.Wait(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// step takes what there is, and waits a moment for it where there is nothing.
func (s *source) step(ctx context.Context) error {
	if err := s.join(ctx); err != nil {
		return err
	}
	if now := s.Now(); now.Sub(s.tidied) >= claimEvery {
		if err := s.claim(ctx); err != nil {
			return err
		}
		if err := s.tidy(ctx); err != nil {
			return err
		}
		s.tidied = now
	}
	read, err := s.Client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: s.Group, Consumer: s.Name, Streams: []string{s.stream, ">"}, Count: atOnce, Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, stream := range read {
		if err := s.handle(ctx, entries(s.stream, stream.Messages)); err != nil {
			return err
		}
	}
	return nil
}

// join makes the group where there is none, which begins with the stream's first entry.
func (s *source) join(ctx context.Context) error {
	if s.joined {
		return nil
	}
	err := s.Client.XGroupCreateMkStream(ctx, s.stream, s.Group, "0").Err()
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return err
	}
	s.joined = true
	return nil
}

// claim takes over what consumers have that died.
func (s *source) claim(ctx context.Context) error {
	for start := "0-0"; ; {
		messages, next, err := s.Client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: s.stream, Group: s.Group, Consumer: s.Name, MinIdle: claimAfter, Start: start, Count: atOnce,
		}).Result()
		if err != nil {
			return err
		}
		if len(messages) > 0 {
			s.Log.InfoContext(ctx, "entries of another consumer taken over", "stream", s.stream, "count", len(messages))
			if err := s.handle(ctx, entries(s.stream, messages)); err != nil {
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
func (s *source) handle(ending context.Context, left []Entry) error {
	ctx := context.WithoutCancel(ending)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		verdicts := s.Handle(ctx, left)
		var again []Entry
		var over []string
		for i, verdict := range verdicts {
			switch verdict.Outcome {
			case Again:
				again = append(again, left[i])
				continue
			case Never:
				if err := s.bury(ctx, left[i], verdict); err != nil {
					return err // it is claimed again
				}
			case Done:
			}
			over = append(over, left[i].ID)
		}
		if len(over) > 0 {
			if err := s.Client.XAck(ctx, s.stream, s.Group, over...).Err(); err != nil {
				return err
			}
		}
		if left = again; len(left) == 0 {
			return nil
		}
		if err := s.Wait(ending, pause); err != nil {
			return err
		}
	}
}

// tidy trims the stream of what every group has acknowledged, and forgets consumers that are long gone.
func (s *source) tidy(ctx context.Context) error {
	groups, err := s.Client.XInfoGroups(ctx, s.stream).Result()
	if err != nil {
		return err
	}
	oldest := ""
	for _, group := range groups {
		needed := group.LastDeliveredID
		if group.Pending > 0 {
			pending, err := s.Client.XPending(ctx, s.stream, group.Name).Result()
			if err != nil {
				return err
			}
			if pending.Count > 0 {
				needed = pending.Lower
			}
		}
		if oldest == "" || before(needed, oldest) {
			oldest = needed
		}
	}
	if oldest != "" && oldest != "0-0" {
		if err := s.Client.XTrimMinIDApprox(ctx, s.stream, oldest, 0).Err(); err != nil {
			return err
		}
	}
	return s.forget(ctx)
}

// forget takes consumers off the list that have nothing and are long silent: every process has a name of its own.
func (s *source) forget(ctx context.Context) error {
	consumers, err := s.Client.XInfoConsumers(ctx, s.stream, s.Group).Result()
	if err != nil {
		return err
	}
	for _, consumer := range consumers {
		if consumer.Pending == 0 && consumer.Idle > forgetAfter && consumer.Name != s.Name {
			if err := s.Client.XGroupDelConsumer(ctx, s.stream, s.Group, consumer.Name).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// before tells whether one id, milliseconds-number, is lower than another.
func before(a, b string) bool {
	millisA, numberA, _ := strings.Cut(a, "-")
	millisB, numberB, _ := strings.Cut(b, "-")
	if order := compareDigits(millisA, millisB); order != 0 {
		return order < 0
	}
	return compareDigits(numberA, numberB) < 0
}

func compareDigits(a, b string) int {
	if len(a) != len(b) { // no leading zeros
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
