package redisstore

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Dial makes a client of the Redis that a URL names, for whoever uses it for something else than a store: the URL is
// one of [Open], whose options of a store mean nothing here. It connects with the first command. Its error is one line,
// and never has a password in it.
func Dial(url string) (redis.UniversalClient, error) {
	s, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis: %w", err)
	}
	server, err := s.connect()
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis: %w", err)
	}
	switch to := server.(type) {
	case single:
		return to.client, nil
	case cluster:
		return to.client, nil
	}
	return nil, fmt.Errorf("the URL of Redis: %T has no client", server)
}
