package redisstore

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Redis syncs its file after each round over its connections, in which it reads some 16 kB of each. So many small groups on as
// many connections cost fewer syncs than few large ones.
const (
	// groupSize is how many commits go together at the most.
	groupSize = 8
	// flights is how many groups are on their way to a node at once.
	flights = 16
)

// A sending is a call on its way to a node.
type sending struct {
	ctx    context.Context
	call   call
	whole  bool   // the script, since the server does not know it by its hash
	fence  string // of the call's partition
	answer any
	err    error
	done   chan struct{} // closed once there is an answer or an err
}

// A line is the commits on their way to one node. What comes while others are under way goes together, in a
// pipeline.
type line struct {
	waiting []*sending
	flights int
}

// lines are those of all nodes that have any.
type lines struct {
	mu sync.Mutex
	of map[*redis.Client]*line
}

// group sends a commit to a node, together with others, and returns when there is an answer. It does not return before,
// whatever the context says: until then the commit's memory is read.
func (db *DB) group(node *redis.Client, s *sending) {
	db.lines.mu.Lock()
	if db.lines.of == nil {
		db.lines.of = map[*redis.Client]*line{}
	}
	l := db.lines.of[node]
	if l == nil {
		l = &line{}
		db.lines.of[node] = l
	}
	l.waiting = append(l.waiting, s)
	starts := l.flights < flights
	if starts {
		l.flights++
	}
	db.lines.mu.Unlock()
	if starts {
		go db.fly(node, l)
	}
	<-s.done
}

// fly sends what waits, group after group, until nothing does.
func (db *DB) fly(node *redis.Client, l *line) {
	for {
		sendings := db.lines.next(node, l)
		if sendings == nil {
			return
		}
		var inTime []*sending
		for _, s := range sendings {
			if s.err = notSent(s.ctx.Err()); s.err == nil {
				inTime = append(inTime, s)
			}
		}
		if len(inTime) > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), callTime) // not the first one's: the last would fail with it
			db.send(ctx, node, inTime)
			cancel()
		}
		for _, s := range sendings {
			close(s.done)
		}
	}
}

// notSent is what an error before the sending is.
func notSent(err error) error {
	if err == nil {
		return nil
	}
	return &notSentError{err}
}

// next takes what goes together next. It ends the flight where that is nothing.
func (ls *lines) next(node *redis.Client, l *line) []*sending {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	n := min(len(l.waiting), groupSize)
	if n == 0 {
		l.flights--
		if l.flights == 0 {
			delete(ls.of, node) // it may be one that is gone
		}
		return nil
	}
	next := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return next
}

// send sends calls in one pipeline, and sets what came of each.
func (db *DB) send(ctx context.Context, node *redis.Client, sendings []*sending) {
	pipe := node.Pipeline()
	answers := make([]*redis.Cmd, len(sendings))
	for i, s := range sendings {
		keys := append([]string{s.fence}, s.call.keys...)
		if s.whole {
			answers[i] = s.call.script.Eval(ctx, pipe, keys, s.call.args...)
		} else {
			answers[i] = s.call.script.EvalSha(ctx, pipe, keys, s.call.args...)
		}
	}
	var fenced, replicas *redis.Cmd
	if db.replicas > 0 { // one for all of them: they are in one connection
		fenced = pipe.Eval(ctx, fenceSource, []string{sendings[0].fence})
		replicas = pipe.Do(ctx, "wait", db.replicas, waitTime.Milliseconds())
	}
	_, err := pipe.Exec(ctx)
	for i, s := range sendings {
		switch {
		case answers[i].Err() != nil:
			s.err = answers[i].Err()
		case answers[i].Val() == nil: // no script answers so: the connection's greeting failed
			s.err = &notSentError{err}
		case db.replicas == 0:
			s.answer = answers[i].Val()
		case fenced.Err() != nil && !errors.Is(fenced.Err(), redis.Nil): // nil is what the script returns
			s.err = &unconfirmedError{fenced.Err()}
		default:
			s.answer, s.err = answers[i].Val(), db.confirm(replicas)
		}
	}
}
