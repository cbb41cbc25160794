package queue

import (
	"fmt"

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
