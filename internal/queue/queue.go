package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A Queue is the streams of one kind of work.
type Queue struct {
	Client  redis.UniversalClient
	Name    string // "earnings"
	Streams int    // how many there are
}

// An Entry is one piece of work.
type Entry struct {
	Stream string
	ID     string // in its stream
	Fields map[string]string
}

// Source says where an entry is, on one line.
func (e Entry) Source() string { return e.Stream + " " + e.ID }

func (q Queue) stream(i int) string { return fmt.Sprintf("%s:{%d}", q.Name, i) }

func (q Queue) streams() []string {
	all := make([]string, q.Streams)
	for i := range all {
		all[i] = q.stream(i)
	}
	return all
}

func entries(stream string, messages []redis.XMessage) []Entry {
	made := make([]Entry, len(messages))
	for i, m := range messages {
		made[i] = Entry{Stream: stream, ID: m.ID, Fields: make(map[string]string, len(m.Values))}
		for field, value := range m.Values {
			made[i].Fields[field], _ = value.(string) // it is nothing else
		}
	}
	return made
}

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

func (q Queue) deadStream() string { return q.Name + ":dead" }

// sources is where the dead letters' sources are kept, in the same slot: that of the whole name of their stream.
func (q Queue) sources() string { return "{" + q.deadStream() + "}:sources" }

// bury adds a dead letter, unless there is one from the same source.
//
// KEYS  the stream of dead letters, the hash of their sources.
// ARGV  the source, then the fields and values of the dead letter.
var bury = redis.NewScript(`
if redis.call('HSETNX', KEYS[2], ARGV[1], '') == 1 then
  redis.call('HSET', KEYS[2], ARGV[1], redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2)))
end
return 0`)

// unbury removes a dead letter.
//
// KEYS  the stream of dead letters, the hash of their sources.
// ARGV  its id, its source.
// Returns how many were removed: 0 where somebody was faster.
var unbury = redis.NewScript(`
redis.call('HDEL', KEYS[2], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[1])`)

func (q Queue) bury(ctx context.Context, e Entry, v Verdict) error {
	args := []any{e.Source(), fieldSource, e.Source(), fieldReason, v.Reason, fieldMessage, v.Message}
	for _, field := range sortedFields(e.Fields) {
		args = append(args, field, e.Fields[field])
	}
	return bury.Run(ctx, q.Client, []string{q.deadStream(), q.sources()}, args...).Err()
}

func sortedFields(fields map[string]string) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Dead lists dead letters, oldest first, after one with an id; "" is the start.
func (q Queue) Dead(ctx context.Context, after string, limit int64) ([]Dead, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	messages, err := q.Client.XRangeN(ctx, q.deadStream(), from, "+", limit).Result()
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

// Retry puts a dead letter's entry back into the stream that it came from, with the fields given, and takes it out of
// the dead letters. Cut short in between, it leaves both, and doing it again does the entry's work again, which is harmless.
func (q Queue) Retry(ctx context.Context, d Dead) error {
	values := make([]any, 0, 2*len(d.Entry.Fields))
	for _, field := range sortedFields(d.Entry.Fields) {
		values = append(values, field, d.Entry.Fields[field])
	}
	if err := q.Client.XAdd(ctx, &redis.XAddArgs{Stream: d.Entry.Stream, Values: values}).Err(); err != nil {
		return err
	}
	return unbury.Run(ctx, q.Client, []string{q.deadStream(), q.sources()}, d.ID, d.Entry.Source()).Err()
}
