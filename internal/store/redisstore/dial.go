package redisstore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// Dial connects to the Redis that a URL names, for whoever uses it for something else than a store. The URL is one of
// [Open], and so is what is checked: that it is there, is what the URL says, and loses nothing that it acknowledges. One
// with min_replicas is refused: that is a promise, and the client that is returned does not keep it. What should be known
// besides goes to the log; nil discards it. Prefix is the URL's, for keys to begin with; "" where it has none. The caller
// closes the client. An error is one line, and never has a password in it.
func Dial(url string, log *slog.Logger) (client redis.UniversalClient, prefix string, err error) {
	s, err := parse(url)
	if err != nil {
		return nil, "", fmt.Errorf("the URL of Redis: %w", err)
	}
	if n := s.own.minReplicas; n > 0 {
		return nil, "", fmt.Errorf("the URL of Redis: its option min_replicas=%d is for stores alone: nothing that is done to streams waits for replicas", n)
	}
	if err := checkPrefix(s.own.prefix); err != nil {
		return nil, "", err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	server, err := s.connect()
	if err != nil {
		return nil, "", fmt.Errorf("the URL of Redis: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if err := s.check(ctx, server, log); err != nil {
		_ = server.Close() // what went wrong first says more
		return nil, "", fmt.Errorf("redis %s: %w", s.redacted, err)
	}
	return server.Client(), s.own.prefix, nil
}
