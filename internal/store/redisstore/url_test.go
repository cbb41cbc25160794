package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// read is what a URL comes to.
type read struct {
	kind     kind
	tls      bool
	hosts    []string
	path     string
	user     string
	password string
	own      own
	tuning   string // as a query
}

func TestURLs(t *testing.T) {
	for _, test := range []struct {
		url  string
		want read
	}{
		{"redis://localhost", read{kind: standalone, hosts: []string{"localhost:6379"}}},
		{"redis://10.0.0.7:6380/2", read{kind: standalone, hosts: []string{"10.0.0.7:6380"}, path: "2"}},
		{"rediss://redis.example", read{kind: standalone, tls: true, hosts: []string{"redis.example:6379"}}},
		{"redis://[::1]", read{kind: standalone, hosts: []string{"[::1]:6379"}}},
		{"redis://[fe80::1]:7000/", read{kind: standalone, hosts: []string{"[fe80::1]:7000"}}},
		{"redis://:secret@localhost", read{kind: standalone, hosts: []string{"localhost:6379"}, password: "secret"}},
		{"redis://app:p%40ss%2Fw%3Ard%3F%23%25@localhost", read{kind: standalone, hosts: []string{"localhost:6379"}, user: "app", password: "p@ss/w:rd?#%"}},
		{"redis://app:p:a@localhost", read{kind: standalone, hosts: []string{"localhost:6379"}, user: "app", password: "p:a"}},
		{"redis+cluster://a,b:7001,[::1]", read{kind: clustered, hosts: []string{"a:6379", "b:7001", "[::1]:6379"}}},
		{"rediss+cluster://app:secret@a,b", read{kind: clustered, tls: true, hosts: []string{"a:6379", "b:6379"}, user: "app", password: "secret"}},
		{"redis+sentinel://a,b:1/main", read{kind: sentinel, hosts: []string{"a:26379", "b:1"}, path: "main"}},
		{"rediss+sentinel://:x@a/main/3", read{kind: sentinel, tls: true, hosts: []string{"a:26379"}, path: "main/3", password: "x"}},
		{
			"redis+sentinel://a/main?sentinel_username=watch&sentinel_password=s%40",
			read{kind: sentinel, hosts: []string{"a:26379"}, path: "main", own: own{sentinelUser: "watch", sentinelPassword: "s@"}},
		},
		{
			"redis://a?prefix=plansvc&partitions=16&min_replicas=2&allow_volatile=true&pool_size=7&read_timeout=300ms",
			read{
				kind: standalone, hosts: []string{"a:6379"}, tuning: "pool_size=7&read_timeout=300ms",
				own: own{prefix: "plansvc", partitions: 16, minReplicas: 2, allowVolatile: true},
			},
		},
		{"redis://a?allow_volatile=false&prefix=a%20b", read{kind: standalone, hosts: []string{"a:6379"}, own: own{prefix: "a b"}}},
	} {
		t.Run(test.url, func(t *testing.T) {
			s, err := parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			password, _ := s.user.Password()
			got := read{
				kind: s.kind, tls: s.tls, hosts: s.hosts, path: s.path, user: s.user.Username(), password: password, own: s.own, tuning: s.tuning.Encode(),
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(read{}, own{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(s.redacted, "secret") || !strings.HasSuffix(s.redacted, strings.TrimSuffix("/"+s.path, "/")) {
				t.Errorf("in messages it is %s", s.redacted)
			}
			server, err := s.connect()
			if err != nil {
				t.Fatalf("the client: %v", err)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestURLsThatAreWrong(t *testing.T) {
	for _, test := range []struct{ url, words string }{
		{"localhost:6379", "does not begin with redis://"},
		{"redis:localhost", "does not begin with redis://"},
		{"http://localhost", "does not begin with redis://"},
		{"app:secret@localhost", "does not begin with redis://"},
		{"redis://", "names no host"},
		{"redis:///2", "names no host"},
		{"redis+cluster://a,,b", "names no host"},
		{"redis://app:secret@", "names no host"},
		{"redis://a,b", "it names 2 hosts: those of a Cluster are said with redis+cluster://, Sentinels with redis+sentinel://"},
		{"redis://a:port", "it has a port that is no number from 1 to 65535"},
		{"redis://a:", "it has a port that is no number"},
		{"redis://a:0", "it has a port that is no number"},
		{"redis://a:65536", "it has a port that is no number"},
		{"redis://app:secret", "it has a port that is no number"},
		{"redis://app:secret@a:6379x", "it has a port that is no number"},
		{"redis+cluster://app:secret@a:1,b:secret", "it has a port that is no number"},
		{"redis://app:se%cret@a", percent},
		{"redis://app:sec/ret@a", percent},
		{"redis://app:123/secret@a", percent},
		{"redis://app:123?secret@a", percent},
		{"redis://app:123#secret@a", percent},
		{"redis://app:123@ss?word=secret@a", percent},
		{"redis://app:secret@ho st", percent},
		{"redis://app:secret@a?x=%zz", percent},
		{"redis://app:secret@a?a;b", percent},
		{"redis://a#x", percent},
		{"redis://a/secret@b", percent},
		{"redis://a/x", `"x" is not the number of a database`},
		{"redis://a/-1", `"-1" is not the number of a database`},
		{"redis://a/1/2", `"1/2" is not the number of a database`},
		{"redis+cluster://a/1", `it names the database "1": a Cluster has one only`},
		{"redis+sentinel://a", "does not say which master the Sentinels watch"},
		{"redis+sentinel://a/main/x", `"x" is not the number of a database`},
		{"redis://a?partitions=0", "its option partitions=0 is not understood"},
		{"redis://a?partitions=16385", "its option partitions=16385 is not understood"},
		{"redis://a?partitions=x", "its option partitions=x is not understood"},
		{"redis://a?min_replicas=-1", "its option min_replicas=-1 is not understood"},
		{"redis://a?allow_volatile=maybe", "its option allow_volatile=maybe is not understood"},
		{"redis://a?no_such=secret", `it has an unknown option "no_such"`},
		{"redis://a?password=secret", `it has an unknown option "password"`},
		{"redis://a?sentinel_password=secret", `it has an unknown option "sentinel_password"`},
		{"redis://a?db=1", `it has an unknown option "db"`},
		{"redis://a?max_retries=3", `it has an unknown option "max_retries"`},
		{"redis+cluster://a?read_only=true", `it has an unknown option "read_only"`},
		{"redis+cluster://a?addr=b:1", `it has an unknown option "addr"`},
		{"redis+sentinel://a/main?route_by_latency=true", `it has an unknown option "route_by_latency"`},
		{"redis+sentinel://a/main?replica_only=true", `it has an unknown option "replica_only"`},
		{"redis://a?read_timeout=soon", "invalid read_timeout duration"},
		{"redis+cluster://a?pool_size=many", "invalid pool_size number"},
		{"redis+cluster://a?skip_verify=true", "unexpected option: skip_verify"},
		{"redis://a?prefix=%7Bx%7D", `the prefix "{x}" has { or } in it`},
	} {
		t.Run(test.url, func(t *testing.T) {
			db, err := Open(test.url, Options{})
			if err == nil {
				_ = db.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q, want one line with %q", err, test.words)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// A client keeps no promise that is the store's.
func TestDialTakesNoMinReplicas(t *testing.T) {
	for _, url := range []string{"redis://app:secret@a", "redis+cluster://:secret@a,b", "redis+sentinel://:secret@a/main"} {
		client, _, err := Dial(url+"?min_replicas=2", nil)
		if err == nil {
			_ = client.Close()
			t.Errorf("%s: it was connected to", url)
			continue
		}
		if text := err.Error(); !strings.Contains(text, "min_replicas=2 is for stores alone") || strings.Contains(text, "secret") || strings.Contains(text, "\n") {
			t.Errorf("%s: got error %q, want one line that says so, without the password", url, text)
		}
	}
}

// go-redis repeats nothing by itself, ends a call when its context says so, and has the URL's options.
func TestClientsAreSetUp(t *testing.T) {
	const tuning = "?pool_size=7&dial_timeout=4s"
	options := func(t *testing.T, url string) *redis.Options {
		t.Helper()
		s, err := parse(url)
		if err != nil {
			t.Fatal(err)
		}
		server, err := s.connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		if c, ok := server.(cluster); ok {
			// Its nodes have what it has; see the tests on a Cluster for their connections.
			o := c.client.Options()
			return &redis.Options{
				MaxRetries: o.MaxRetries, ContextTimeoutEnabled: o.ContextTimeoutEnabled, PoolSize: o.PoolSize, DialTimeout: o.DialTimeout,
				ReadTimeout: o.ReadTimeout, PipelinePoolSize: o.PipelinePoolSize,
			}
		}
		node, err := server.Node(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		return node.Options()
	}
	for _, url := range []string{"redis://a", "redis+cluster://a,b", "redis+sentinel://a,b/main"} {
		t.Run(url, func(t *testing.T) {
			o := options(t, url+tuning)
			if o.MaxRetries > 0 || !o.ContextTimeoutEnabled || o.PoolSize != 7 || o.DialTimeout != 4*time.Second || o.ReadTimeout != 3*time.Second || o.PipelinePoolSize >= 0 {
				t.Errorf("retries %d, context %t, pool %d, dial %s, read %s, pipelines %d", o.MaxRetries, o.ContextTimeoutEnabled, o.PoolSize, o.DialTimeout, o.ReadTimeout, o.PipelinePoolSize)
			}
			if o := options(t, url+"?read_timeout=4s"); o.ReadTimeout != 4*time.Second {
				t.Errorf("read timeout %s, want the URL's 4s", o.ReadTimeout)
			}
		})
	}
}
