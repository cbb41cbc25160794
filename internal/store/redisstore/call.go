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
	// callTime is how long a call may take in all, whatever goes wrong; a commit may wait as long before, see group.go.
	callTime = 5 * time.Second
	// waitTime is how long to wait for replicas.
	waitTime = 2 * time.Second

	firstPause   = 20 * time.Millisecond
	longestPause = 200 * time.Millisecond
)

// A call is one script on one partition.
type call struct {
	script *redis.Script
	keys   []string // after the fence
	args   []any
	writes bool // sent once, whatever happens; else it may be sent again
}

// run makes a call, and returns its answer. It tries again what was certainly not done, or does no harm twice.
func (db *DB) run(caller context.Context, p store.Partition, c call) (any, error) {
	ctx := caller
	if c.writes {
		// A commit that is under way is not given up: it would not be known what became of it.
		ctx = context.WithoutCancel(caller)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	unknown := false // to the server: it has lost the script, and is sent all of it
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		answer, err := db.try(ctx, p, c, unknown)
		switch {
		case err == nil:
			return answer, nil
		case !unknown && redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = true
			continue
		case c.writes && !untouched(err):
			return nil, unavailable(err)
		case caller.Err() != nil:
			return nil, caller.Err()
		case !untouched(err) && !passing(err):
			return nil, unavailable(err)
		}
		db.server.Refresh(ctx)
		wait(caller, pause)
		if err := caller.Err(); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, unavailable(err)
		}
	}
}

// wait waits a while, or until the context is done.
func wait(ctx context.Context, while time.Duration) {
	waiting, stop := context.WithTimeout(ctx, while)
	defer stop()
	<-waiting.Done()
}

// try makes one attempt: a commit together with others that are on their way to the same node, a read by itself.
func (db *DB) try(ctx context.Context, p store.Partition, c call, unknown bool) (any, error) {
	node, err := db.server.Node(ctx, db.tag(p))
	if err != nil {
		return nil, &notSentError{err}
	}
	s := &sending{ctx: ctx, call: c, whole: unknown, fence: db.fenceKey(p), done: make(chan struct{})}
	if c.writes {
		db.group(node, s)
	} else {
		db.send(ctx, node, []*sending{s})
	}
	return s.answer, s.err
}

// confirm looks at whether enough replicas have what the server has.
func (db *DB) confirm(replicas *redis.Cmd) error {
	n, err := replicas.Int()
	if err != nil {
		return &unconfirmedError{err}
	}
	if n < db.replicas {
		return &unconfirmedError{fmt.Errorf("%d of %d replicas have it", n, db.replicas)}
	}
	return nil
}

// A notSentError says that there was nowhere to send to.
type notSentError struct{ cause error }

func (e *notSentError) Error() string { return e.cause.Error() }
func (e *notSentError) Unwrap() error { return e.cause }

// An unconfirmedError says that the script has run, and what is not known is what the replicas have.
type unconfirmedError struct{ cause error }

func (e *unconfirmedError) Error() string { return "waiting for replicas: " + e.cause.Error() }
func (e *unconfirmedError) Unwrap() error { return e.cause }

// refusals are how a server begins its answer that will soon have another one, and has not changed anything: it is not,
// or not yet, in charge of the partition, or something else keeps it busy.
var refusals = []string{
	"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY",
}

// untouched tells whether an error is certain proof that nothing was done, and may have gone in a moment.
func untouched(err error) bool {
	if _, ok := errors.AsType[*unconfirmedError](err); ok {
		return false // whatever the cause says: that is of WAIT
	}
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
