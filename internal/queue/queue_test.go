package queue_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/queue"
)

// Streams that a consumer of the queue does not take from are found, and nothing else is.
func TestBeyond(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 2)
		for _, stream := range []int{0, 1, 5, 3, 12} {
			add(t, q, stream, "n", "1")
		}
		if err := client.XGroupCreateMkStream(context.Background(), streamKey(q, 9), group, "0").Err(); err != nil { // somebody took from it
			t.Fatal(err)
		}
		third, fifth, ninth, last := streamKey(q, 3), streamKey(q, 5), streamKey(q, 9), streamKey(q, 12)
		other := q
		other.Prefix = "acme" // in the same Redis
		of := func(q queue.Queue, streams int) queue.Queue { q.Streams = streams; return q }
		for _, test := range []struct {
			name  string
			queue queue.Queue
			most  int
			want  []string
		}{
			{"all", q, 100, []string{third, fifth, ninth, last}},
			{"below the last", q, 12, []string{third, fifth, ninth}},
			{"with the last", q, 13, []string{third, fifth, ninth, last}},
			{"behind some of them", of(q, 4), 100, []string{fifth, ninth, last}},
			{"from one of them on", of(q, 5), 100, []string{fifth, ninth, last}},
			{"behind the last", of(q, 13), 100, nil},
			{"as many as there can be", of(q, 100), 100, nil},
			{"of another prefix", other, 100, nil},
		} {
			got, err := test.queue.Beyond(context.Background(), test.most)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%s (-want +got): %v\n%s", test.name, err, diff)
			}
		}
	})
}

func TestBeyondSaysThatRedisIsOut(t *testing.T) {
	t.Parallel()
	client := dial(t, shared.Standalone(t).URL())
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := newQueue(client, 2).Beyond(context.Background(), 100); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}
