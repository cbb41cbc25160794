package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// A Queue is the streams of one kind of work.
type Queue struct {
	Client  redis.UniversalClient
	Prefix  string // what its keys begin with, before a colon; "" is nothing
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

// key is what all keys of the queue begin with.
func (q Queue) key() string {
	if q.Prefix == "" {
		return q.Name
	}
	return q.Prefix + ":" + q.Name
}

func (q Queue) stream(i int) string { return fmt.Sprintf("%s:{%d}", q.key(), i) }

func (q Queue) streams() []string {
	all := make([]string, q.Streams)
	for i := range all {
		all[i] = q.stream(i)
	}
	return all
}

// Beyond returns those streams from number Streams on, and below most, that are there, in order: somebody has added to them,
// or took from them before, and a consumer of this queue does not.
func (q Queue) Beyond(ctx context.Context, most int) ([]string, error) {
	var names []string
	var exist []*redis.IntCmd
	pipe := q.Client.Pipeline()
	for i := q.Streams; i < most; i++ {
		names = append(names, q.stream(i))
		exist = append(exist, pipe.Exists(ctx, q.stream(i)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	var beyond []string
	for i, name := range names {
		if exist[i].Val() > 0 {
			beyond = append(beyond, name)
		}
	}
	return beyond, nil
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
