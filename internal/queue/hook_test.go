package queue_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A tap is told of the commands of a client before they are sent, and may fail them.
type tap interface{ before(cmd redis.Cmder) error }

// hooked is another client of the same Redis, with a tap.
func hooked(t *testing.T, client redis.UniversalClient, tap tap) redis.UniversalClient {
	t.Helper()
	var other redis.UniversalClient
	switch c := client.(type) {
	case *redis.ClusterClient:
		options := *c.Options()
		other = redis.NewClusterClient(&options)
	case *redis.Client:
		options := *c.Options()
		other = redis.NewClient(&options)
	default:
		t.Fatalf("%T is no client that is known here", client)
	}
	t.Cleanup(func() { _ = other.Close() })
	other.AddHook(&hook{tap: tap})
	return other
}

type hook struct {
	mu  sync.Mutex
	tap tap // one command at a time
}

func (*hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.mu.Lock()
		err := h.tap.before(cmd)
		h.mu.Unlock()
		if err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (*hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}
