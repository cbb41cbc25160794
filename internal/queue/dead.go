package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The fields that a dead letter has besides those of its entry.
const (
	fieldSource  = "dead.source"
	fieldReason  = "dead.reason"
	fieldMessage = "dead.message"
)

// A Dead is an entry that could not be done.
type Dead struct {
	ID      string // in the dead letters
	Entry   Entry  // as it came
	Reason  string
	Message string
}

func (q Queue) deadStream() string { return q.key() + ":dead" }

// sources is where the dead letters' sources are kept, in the same slot: that of the whole name of their stream.
func (q Queue) sources() string { return "{" + q.deadStream() + "}:sources" }

// bury adds a dead letter, unless there is one from the same source. What may fail comes first: a script that breaks off
// does not take back what it has written.
//
// KEYS  the stream of dead letters, the set of their sources.
// ARGV  the source, then the fields and values of the dead letter.
var bury = redis.NewScript(`
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
  redis.call('SADD', KEYS[2], ARGV[1])
end
return 0`)

// unbury removes a dead letter.
//
// KEYS  the stream of dead letters, the set of their sources.
// ARGV  its id, its source.
// Returns how many were removed: 0 where somebody was faster.
var unbury = redis.NewScript(`
redis.call('SREM', KEYS[2], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[1])`)

// scriptValues is how many fields and values are given to a script: Lua's stack holds some 8,000.
const scriptValues = 6000

func (q Queue) bury(ctx context.Context, e Entry, v Verdict) error {
	// Of fields of one name the last is read, so that those of an entry which are called like ours do not stand for them.
	values := append(flat(e.Fields), fieldSource, e.Source(), fieldReason, v.Reason, fieldMessage, v.Message)
	if len(values) > scriptValues {
		return q.buryLarge(ctx, e.Source(), values)
	}
	return bury.Run(ctx, q.Client, []string{q.deadStream(), q.sources()}, append([]any{e.Source()}, values...)...).Err()
}

// buryLarge does the same with more fields than a script can hold. It fails where another letter comes in between.
func (q Queue) buryLarge(ctx context.Context, source string, values []any) error {
	return q.Client.Watch(ctx, func(tx *redis.Tx) error {
		known, err := tx.SIsMember(ctx, q.sources(), source).Result()
		if err != nil || known {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.XAdd(ctx, &redis.XAddArgs{Stream: q.deadStream(), Values: values})
			p.SAdd(ctx, q.sources(), source)
			return nil
		})
		return err
	}, q.sources())
}

// flat lists fields and their values, by name.
func flat(fields map[string]string) []any {
	values := make([]any, 0, 2*len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		values = append(values, name, fields[name])
	}
	return values
}

// Dead lists up to limit dead letters, oldest first: those behind after and not behind last, which are ids. "" is the
// start, and the end.
func (q Queue) Dead(ctx context.Context, after, last string, limit int64) ([]Dead, error) {
	from, to := "-", "+"
	if after != "" {
		from = "(" + after
	}
	if last != "" {
		to = last
	}
	messages, err := q.Client.XRangeN(ctx, q.deadStream(), from, to, limit).Result()
	if err != nil {
		return nil, err
	}
	letters := make([]Dead, len(messages))
	for i, e := range entries(q.deadStream(), messages) {
		letters[i] = dead(e)
	}
	return letters, nil
}

// LastDead is the id of the newest dead letter, "" where there is none.
func (q Queue) LastDead(ctx context.Context) (string, error) {
	newest, err := q.Client.XRevRangeN(ctx, q.deadStream(), "+", "-", 1).Result()
	if err != nil || len(newest) == 0 {
		return "", err
	}
	return newest[0].ID, nil
}

func dead(e Entry) Dead {
	d := Dead{ID: e.ID, Reason: e.Fields[fieldReason], Message: e.Fields[fieldMessage]}
	d.Entry.Stream, d.Entry.ID, _ = strings.Cut(e.Fields[fieldSource], " ")
	for _, own := range []string{fieldSource, fieldReason, fieldMessage} {
		delete(e.Fields, own)
	}
	d.Entry.Fields = e.Fields
	return d
}

// ErrNowhere says that a dead letter has no entry of this queue in it: somebody else wrote it, or the entry.
var ErrNowhere = errors.New("it holds no entry, or does not say which stream that came from")

// Retry puts a dead letter's entry back into the stream that it came from, with the fields given, and takes it out of
// the dead letters. Cut short in between, it leaves both, and doing it again does the entry's work again, which is
// harmless. It fails with ErrNowhere where it never can.
func (q Queue) Retry(ctx context.Context, d Dead) error {
	if !strings.HasPrefix(d.Entry.Stream, q.key()+":{") || len(d.Entry.Fields) == 0 {
		return ErrNowhere
	}
	if err := q.Client.XAdd(ctx, &redis.XAddArgs{Stream: d.Entry.Stream, Values: flat(d.Entry.Fields)}).Err(); err != nil {
		return err
	}
	return unbury.Run(ctx, q.Client, []string{q.deadStream(), q.sources()}, d.ID, d.Entry.Source()).Err()
}
