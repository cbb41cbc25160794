package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// A server is what the store is in. Its client is that of the node that a key lies on.
type server interface {
	Node(ctx context.Context, key string) (*redis.Client, error)
	// Refresh takes in that a node no longer is what it was.
	Refresh(ctx context.Context)
	Close() error
	// Client is one for whatever key.
	Client() redis.UniversalClient
}

// single is one server, or whichever Sentinel says is the master now.
type single struct{ client *redis.Client }

func (s single) Node(context.Context, string) (*redis.Client, error) { return s.client, nil }
func (s single) Refresh(context.Context)                             {} // a broken connection is made anew by itself
func (s single) Close() error                                        { return s.client.Close() }
func (s single) Client() redis.UniversalClient                       { return s.client }

// cluster is a Redis Cluster.
type cluster struct{ client *redis.ClusterClient }

func (c cluster) Node(ctx context.Context, key string) (*redis.Client, error) {
	return c.client.MasterForKey(ctx, key)
}
func (c cluster) Refresh(ctx context.Context)   { c.client.ReloadState(ctx) }
func (c cluster) Close() error                  { return c.client.Close() }
func (c cluster) Client() redis.UniversalClient { return c.client }

// defaults are options of go-redis that the URL may change.
var defaults = map[string]string{
	"read_timeout": "3s", // less than callTime, so that a read whose connection is dead has another try
	"protocol":     "2",  // what comes with 3 (messages that nobody asked for) is of no use here
}

// fixed are options that it may not.
var fixed = map[string]string{
	"max_retries":        "-1", // only this package knows what may be sent again
	"pipeline_pool_size": "-1", // one pool is enough, and pool_size is its size
}

// clientURL is the URL as go-redis reads it: one host, the others as options.
func (s settings) clientURL(hosts ...string) string {
	u := url.URL{Scheme: schemeOf(standalone, s.tls), User: s.user, Host: hosts[0]}
	query := url.Values{}
	for name, value := range defaults {
		query.Set(name, value)
	}
	maps.Copy(query, s.tuning)
	for name, value := range fixed {
		query.Set(name, value)
	}
	for _, host := range hosts[1:] {
		query.Add("addr", host)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// connect makes the client, and connects to nothing yet.
func (s settings) connect() (server, error) {
	logging.Disable() // for go-redis prints each failed attempt; what matters of it comes back as an error
	switch s.kind {
	case clustered:
		return s.connectCluster()
	case sentinel:
		return s.connectSentinel()
	case standalone:
	}
	o, err := s.direct(s.hosts[0])
	if err != nil {
		return nil, err
	}
	if o.DB, err = database(s.path); err != nil {
		return nil, err
	}
	return single{redis.NewClient(o)}, nil
}

// direct are the options for one server of those that hold the data.
func (s settings) direct(host string) (*redis.Options, error) {
	o, err := redis.ParseURL(s.clientURL(host))
	if err != nil {
		return nil, misread(err)
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	return o, nil
}

func (s settings) connectCluster() (server, error) {
	if s.path != "" {
		return nil, fmt.Errorf("it names the database %q: a Cluster has one only", s.path)
	}
	o, err := redis.ParseClusterURL(s.clientURL(s.hosts...))
	if err != nil {
		return nil, misread(err)
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	return cluster{redis.NewClusterClient(o)}, nil
}

func (s settings) connectSentinel() (server, error) {
	master, number, err := s.master()
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseFailoverURL(s.clientURL(s.hosts...))
	if err != nil {
		return nil, misread(err)
	}
	o.MasterName, o.DB = master, number
	// The URL's user is that of the servers; go-redis takes it for that of the Sentinels.
	o.SentinelUsername, o.SentinelPassword = s.own.sentinelUser, s.own.sentinelPassword
	o.Username = s.user.Username()
	o.Password, _ = s.user.Password()
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	return single{redis.NewFailoverClient(o)}, nil
}

// master is what the path says for Sentinels: the name of the master, and the database.
func (s settings) master() (name string, number int, err error) {
	name, rest, _ := strings.Cut(s.path, "/")
	if name == "" {
		return "", 0, errors.New("it does not say which master the Sentinels watch: redis+sentinel://host1,host2/MASTER")
	}
	number, err = database(rest)
	return name, number, err
}

// database reads the number of a database.
func database(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not the number of a database", text)
	}
	return n, nil
}

// misread says that go-redis does not understand an option.
func misread(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "redis: ")) }
