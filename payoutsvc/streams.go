package payoutsvc

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

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

// maxStreams is how many streams there can be: each has a connection of its own.
const maxStreams = 1024

// dial makes a client of the streams' Redis; nil where there is none.
func (s Streams) dial() (redis.UniversalClient, error) {
	if s.Streams == "" {
		return nil, nil //nolint:nilnil // there are no streams, as said
	}
	if s.StreamCount < 1 || s.StreamCount > maxStreams {
		return nil, fmt.Errorf("%d streams are asked for; 1 to %d are possible", s.StreamCount, maxStreams)
	}
	client, err := redisstore.Dial(s.Streams)
	if err != nil {
		return nil, fmt.Errorf("streams: %w", err)
	}
	return client, nil
}

// consumer takes what comes in streams to the service.
func (c Config) consumer(client redis.UniversalClient, service *payoutrpc.Service) *queue.Consumer {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &queue.Consumer{
		Queue: queue.Queue{Client: client, Name: intake.Name, Streams: c.StreamCount},
		Group: intake.Group, Name: host + "-" + rand.Text()[:8],
		Handle: intake.Intake{Record: service.BatchRecordEarnings, Log: c.Log}.Handle,
		Now:    c.Clock, Wait: wait, Log: c.Log,
	}
}

// take records what comes in streams until ctx is done.
func (c Config) take(ctx context.Context, client redis.UniversalClient, service *payoutrpc.Service) {
	if client != nil {
		c.consumer(client, service).Run(ctx)
	}
}
