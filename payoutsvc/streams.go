package payoutsvc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/payoutsvc/internal/intake"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payoutrpc"
)

// Streams say where earnings come from, besides calls.
type Streams struct {
	Streams     string `placeholder:"URL" help:"Redis to record earnings from, as a URL: the streams earnings:{0}, earnings:{1} and so on."`
	StreamCount int    `placeholder:"N" default:"16" help:"How many streams there are (default ${default})."`
}

// maxStreamCount is how many streams there can be: each has a connection of its own.
const maxStreamCount = 1024

// dial connects to the streams; nil where there are none.
func (s Streams) dial(ctx context.Context, log *slog.Logger) (*queue.Queue, error) {
	if s.Streams == "" {
		return nil, nil //nolint:nilnil // there are no streams, as said
	}
	if s.StreamCount < 1 || s.StreamCount > maxStreamCount {
		return nil, fmt.Errorf("%d streams are asked for; 1 to %d are possible", s.StreamCount, maxStreamCount)
	}
	client, prefix, err := redisstore.Dial(s.Streams, log)
	if err != nil {
		return nil, fmt.Errorf("streams: %w", err)
	}
	q := &queue.Queue{Client: client, Prefix: prefix, Name: earningtext.Queue, Streams: s.StreamCount}
	unread, err := q.Beyond(ctx, maxStreamCount)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("streams: %w", err), client.Close())
	}
	if len(unread) > 0 {
		log.WarnContext(ctx, "streams are not read: there are more than --stream-count says", "stream-count", s.StreamCount, "first", unread[0])
	}
	return q, nil
}

// consumer takes what comes in streams to the service.
func (c Config) consumer(q *queue.Queue, service *payoutrpc.Service) *queue.Consumer {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &queue.Consumer{
		Queue: *q,
		Group: intake.Group, Name: host + "-" + rand.Text()[:8],
		Handle: intake.Intake{Record: service.BatchRecordEarnings, Log: c.Log}.Handle,
		Now:    c.Clock, Wait: wait, Log: c.Log,
	}
}

// take records what comes in streams until ctx is done.
func (c Config) take(ctx context.Context, q *queue.Queue, service *payoutrpc.Service) {
	if q != nil {
		c.consumer(q, service).Run(ctx)
	}
}
