package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// callTime is how long a call may take in all, whatever goes wrong.
	callTime = 5 * time.Second
	// waitTime is how long to wait for replicas.
	waitTime = 2 * time.Second

	firstPause   = 20 * time.Millisecond
	longestPause = 200 * time.Millisecond
)

// A call is one script on one partition.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	writes bool // sent once, whatever happens; else it may be sent again
}

// run makes a call, and returns its answer. It tries again what was certainly not done, or does no harm twice.
func (db *DB) run(ctx context.Context, p store.Partition, c call) (any, error) {
	if c.writes {
		// A commit that is under way is not given up: it would not be known what became of it.
		ctx = context.WithoutCancel(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	unknown := false // to the server: it has lost the script, and is sent all of it
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		answer, err := db.try(bounded, p, c, unknown)
		switch {
		case err == nil:
			return answer, nil
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = true
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !untouched(err) && (c.writes || !passing(err)):
			return nil, unavailable(err)
		}
		db.server.Refresh(bounded)
		select {
		case <-time.After(pause):
		case <-bounded.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, unavailable(err)
		}
	}
}

// try makes one attempt.
func (db *DB) try(ctx context.Context, p store.Partition, c call, unknown bool) (any, error) {
	node, err := db.server.Node(ctx, db.tag(p))
	if err != nil {
		return nil, &notSentError{err}
	}
	pipe := node.Pipeline()
	var answer *redis.Cmd
	if unknown {
		answer = c.script.Eval(ctx, pipe, c.keys, c.args...)
	} else {
		answer = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	var replicas *redis.Cmd
	if db.replicas > 0 {
		replicas = pipe.Do(ctx, "wait", db.replicas, waitTime.Milliseconds())
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	if err := answer.Err(); err != nil {
		return nil, err
	}
	if replicas != nil {
		if n, err := replicas.Int(); err != nil {
			return nil, fmt.Errorf("waiting for replicas: %w", err)
		} else if n < db.replicas {
			return nil, fmt.Errorf("%d of %d replicas have it", n, db.replicas)
		}
	}
	return answer.Val(), nil
}

// A notSentError says that there was nowhere to send to.
type notSentError struct{ cause error }

func (e *notSentError) Error() string { return e.cause.Error() }
func (e *notSentError) Unwrap() error { return e.cause }

// refusals are how a server begins its answer that will soon have another one, and has not looked at the script: it is
// not, or not yet, in charge of the partition.
var refusals = []string{"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS"}

// untouched tells whether an error is certain proof that nothing was done, and may have gone in a moment.
func untouched(err error) bool {
	for _, refusal := range refusals {
		if redis.HasErrorPrefix(err, refusal) {
			return true
		}
	}
	if _, ok := errors.AsType[*notSentError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// passing tells whether an error is one of the network, that another attempt may not meet.
func passing(err error) bool {
	_, ofNetwork := errors.AsType[net.Error](err)
	return ofNetwork || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// unavailable makes the store's error of one of Redis, on one line.
func unavailable(err error) error {
	return fmt.Errorf("%w: redis: %s", store.ErrUnavailable, strings.ReplaceAll(err.Error(), "\n", " "))
}
