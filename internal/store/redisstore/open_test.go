package redisstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// opened is what came of opening a store.
type opened struct {
	db  *redisstore.DB
	log string
	err error
}

// openLogged opens a store, which is closed at the test's end.
func openLogged(t *testing.T, url string, partitions int) opened {
	t.Helper()
	var log bytes.Buffer
	db, err := redisstore.Open(url, redisstore.Options{Partitions: partitions, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err == nil {
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return opened{db: db, log: log.String(), err: err}
}

// wantRefused fails unless opening a store fails with one line that has the words in it, and no password.
func wantRefused(t *testing.T, url string, want error, words string) {
	t.Helper()
	o := openLogged(t, url, 0)
	if o.err == nil {
		t.Errorf("%s was opened; want an error with %q", url, words)
		return
	}
	if text := o.err.Error(); !strings.Contains(text, words) || strings.Contains(text, "\n") {
		t.Errorf("%s: got error %q, want one line with %q", url, text, words)
	}
	if strings.Contains(o.err.Error(), "secret") {
		t.Errorf("%s: the error shows the password: %v", url, o.err)
	}
	if want != nil && !errors.Is(o.err, want) || want == nil && errors.Is(o.err, store.ErrUnavailable) {
		t.Errorf("%s: got error %v, want one of %v", url, o.err, want)
	}
}

// wantOpened fails unless a store is opened, and works, and what was logged has the words in it.
func wantOpened(t *testing.T, url, words string) {
	t.Helper()
	o := openLogged(t, url, 0)
	if o.err != nil {
		t.Errorf("%s: %v", url, o.err)
		return
	}
	if !strings.Contains(o.log, words) || words == "" && o.log != "" {
		t.Errorf("%s: logged %q, want %q", url, o.log, words)
	}
	wantWorks(t, o.db)
}

// wantWorks fails unless a store takes something and has it.
func wantWorks(t *testing.T, db store.DB) {
	t.Helper()
	if err := db.Commit(t.Context(), 1, addTo("works")); err != nil {
		t.Errorf("commit: %v", err)
	}
	if values, err := db.Get(t.Context(), 1, thing("works")); err != nil || values[0] == nil {
		t.Errorf("get: %q, %v", values, err)
	}
}

func thing(id string) store.Key { return store.Key{Collection: "thing", ID: id} }

// addTo returns a batch that adds 1.
func addTo(id string) *store.Batch {
	var b store.Batch
	b.Add(thing(id), 1)
	return &b
}

// as changes the scheme of a URL.
func as(scheme, url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return scheme + "://" + rest
}

func TestOpenRefusesWhatTheURLDoesNotSay(t *testing.T) {
	one, cluster, watched := shared.Standalone(t), shared.Cluster(t), shared.Watched(t)
	a, node, sentinel := one.Addr, cluster.Nodes[0].Addr, watched.Sentinels[0].Addr
	for _, test := range []struct {
		url   string
		words string
	}{
		{"redis://" + node, node + " is a node of a Cluster: its URL begins with redis+cluster://"},
		{"redis://" + sentinel, sentinel + " is a Sentinel: its URL begins with redis+sentinel://"},
		{"redis+cluster://" + a, a + " is a single server: its URL begins with redis://"},
		{"redis+cluster://" + sentinel, sentinel + " is a Sentinel: its URL begins with redis+sentinel://"},
		{"redis+sentinel://" + a + "/main", a + " is a single server: its URL begins with redis://"},
		{"redis+sentinel://" + node + "/main", node + " is a node of a Cluster: its URL begins with redis+cluster://"},
		{"redis+sentinel://" + sentinel + "/other", sentinel + ` watches no master of the name "other"`},
		{"redis://" + watched.Replica.Addr, "it is a replica, and takes no writes: name the master, or let Sentinels find it"},
	} {
		wantRefused(t, test.url, nil, test.words)
	}
}

func TestOpenWhereNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"redis://app:secret@" + down, "redis+cluster://:secret@" + down, "redis+sentinel://:secret@" + down + "/main"} {
		wantRefused(t, url, store.ErrUnavailable, "connection refused")
		wantRefused(t, url, store.ErrUnavailable, down)
	}
	wantRefused(t, "redis://no-such-host.invalid", store.ErrUnavailable, "no-such-host.invalid")
	// One of several is enough.
	wantOpened(t, as("redis+cluster", "redis://"+down+","+strings.TrimPrefix(shared.Cluster(t).Place(), "redis+cluster://")), "")
	wantOpened(t, as("redis+sentinel", "redis://"+down+","+strings.TrimPrefix(shared.Watched(t).Place(), "redis+sentinel://")), "")
}

func TestOpenWithAPassword(t *testing.T) {
	const wrong = "the user name or the password is wrong"
	const none = "it asks for a user name or a password, and the URL has none"
	open := redistest.Standalone(t, redistest.Options{Password: "p@ss/w:rd?#% secret"})
	wantOpened(t, open.URL(), "")
	wantRefused(t, "redis://:secret@"+open.Addr, nil, wrong)
	wantRefused(t, "redis://"+open.Addr, nil, none)
	user := redistest.Standalone(t, redistest.Options{User: "app", Password: "secret"})
	wantOpened(t, user.URL(), "")
	wantRefused(t, "redis://app:other@"+user.Addr, nil, wrong)
	wantRefused(t, "redis://other:secret@"+user.Addr, nil, wrong)
	wantRefused(t, "redis://"+user.Addr, nil, none)
}

func TestOpenOverTLSWithAUser(t *testing.T) {
	secured := redistest.Options{TLS: true, User: "app", Password: "secret"}
	t.Run("one server", func(t *testing.T) {
		t.Parallel()
		other := secured
		other.Lines = []string{"bind 127.0.0.1 127.0.0.2"}
		s := redistest.Standalone(t, other)
		wantOpened(t, s.Place(), "")
		wantOpened(t, strings.Replace(s.Place(), "127.0.0.1", "localhost", 1), "")
		elsewhere := strings.Replace(s.Place(), "127.0.0.1", "127.0.0.2", 1)
		wantRefused(t, elsewhere, store.ErrUnavailable, "x509: certificate is valid for 127.0.0.1, not 127.0.0.2")
		wantOpened(t, elsewhere+"&skip_verify=true", "")
		wantRefused(t, as("redis", s.URL()), store.ErrUnavailable, s.Addr)
		wantRefused(t, as("rediss+cluster", s.URL()), nil, "its URL begins with rediss://")
	})
	t.Run("a Cluster", func(t *testing.T) {
		t.Parallel()
		wantOpened(t, redistest.NewCluster(t, secured).Place(), "")
	})
	t.Run("Sentinels", func(t *testing.T) {
		t.Parallel()
		w := redistest.NewWatched(t, secured)
		wantRefused(t, w.URL(), nil, "it asks for a user name or a password, and the URL has none")
		wantRefused(t, w.URL()+"?sentinel_password=secret", nil, "the user name or the password is wrong")
		wantOpened(t, w.URL()+"?sentinel_password="+strings.ReplaceAll(redistest.SentinelPassword, " ", "%20"), "")
	})
}

// set changes settings of a server.
func set(t *testing.T, s *redistest.Server, settings ...string) {
	t.Helper()
	for i := 0; i < len(settings); i += 2 {
		if err := s.Client(t).ConfigSet(t.Context(), settings[i], settings[i+1]).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// lossy are settings with which a server can lose what it acknowledges.
var lossy = [][2]string{
	{"appendonly", "no"},
	{"appendfsync", "everysec"},
	{"appendfsync", "no"},
	{"no-appendfsync-on-rewrite", "yes"},
	{"maxmemory-policy", "allkeys-lru"},
	{"maxmemory-policy", "volatile-ttl"},
}

func TestOpenRefusesAServerThatCanLose(t *testing.T) {
	s := redistest.Standalone(t, redistest.Options{})
	for _, setting := range lossy {
		t.Run(setting[0]+" "+setting[1], func(t *testing.T) {
			before, err := s.Client(t).ConfigGet(t.Context(), setting[0]).Result()
			if err != nil {
				t.Fatal(err)
			}
			set(t, s, setting[0], setting[1])
			defer set(t, s, setting[0], before[setting[0]])
			wantRefused(t, s.URL(), nil, fmt.Sprintf("%s has %s %s: ", s.Addr, setting[0], setting[1]))
			wantRefused(t, s.URL(), nil, fmt.Sprintf("it needs %s %s (or allow_volatile=true in the URL", setting[0], before[setting[0]]))
			wantOpened(t, s.URL()+"?allow_volatile=true", fmt.Sprintf("setting=%s is=%s", setting[0], setting[1]))
		})
	}
	wantOpened(t, s.URL(), "")
}

func TestOpenLooksAtTheReplicaThatSentinelsWatch(t *testing.T) {
	w := shared.Watched(t)
	set(t, w.Replica, "appendfsync", "everysec")
	defer set(t, w.Replica, "appendfsync", "always")
	wantRefused(t, w.URL(), nil, w.Replica.Addr+" has appendfsync everysec")
}

func TestOpenWhereConfigOrInfoIsForbidden(t *testing.T) {
	const warning = "the server does not say how durable it is"
	const mode, role = "the server does not say what it is", "the server does not say its role and its replicas"
	renamed := redistest.Standalone(t, redistest.Options{Lines: []string{`rename-command CONFIG ""`}})
	wantOpened(t, renamed.URL(), warning)
	limited := redistest.Standalone(t, redistest.Options{Lines: []string{
		`user limited on >secret ~place* +@read +@write +@scripting +@connection -@dangerous`,
		`user asking on >secret ~place* +@read +@write +@scripting +@connection -@dangerous +info +config|get`,
	}})
	for _, words := range []string{warning, mode, role} {
		wantOpened(t, "redis://limited:secret@"+limited.Addr+"?prefix=place", words)
	}
	wantOpened(t, "redis://asking:secret@"+limited.Addr+"?prefix=place", "")
	wantRefused(t, "redis://limited:secret@"+limited.Addr+"?prefix=other", nil, "the user may not do what is needed")
}

func TestOpenReadsWhatTheStoreSaysOfItself(t *testing.T) {
	s := shared.Standalone(t)
	client := s.Client(t)
	for _, test := range []struct {
		name       string
		stored     string
		partitions int
		want       error
		words      string
	}{
		{"a newer format", `{"format": 2, "partitions": 64}`, 0, store.ErrFormat, "version 2, and this program knows up to 1"},
		{"a newer format of another shape", `{"format": 3, "shards": "64", "partitions": "x"}`, 0, store.ErrFormat, "version 3"},
		{"nothing", "", 0, store.ErrFormat, "damaged"},
		{"no JSON", "x", 0, store.ErrFormat, "damaged"},
		{"no format", `{}`, 0, store.ErrFormat, "damaged"},
		{"no partitions", `{"format": 1}`, 0, store.ErrFormat, "damaged"},
		{"too many partitions", `{"format": 1, "partitions": 16385}`, 0, store.ErrFormat, "damaged"},
		{"other partitions", `{"format": 1, "partitions": 64}`, 32, store.ErrPartitions, "it has 64, and 32 are asked for"},
		{"as many as are asked for", `{"format": 1, "partitions": 32}`, 32, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := s.Place()
			_, prefix, _ := strings.Cut(url, "prefix=")
			if err := client.Set(t.Context(), prefix+":store", test.stored, 0).Err(); err != nil {
				t.Fatal(err)
			}
			o := openLogged(t, url, test.partitions)
			if !errors.Is(o.err, test.want) {
				t.Fatalf("got error %v, want %v", o.err, test.want)
			}
			if o.err != nil && !strings.Contains(o.err.Error(), test.words) {
				t.Errorf("got error %q, want %q in it", o.err, test.words)
			}
			if after := client.Get(t.Context(), prefix+":store").Val(); after != test.stored {
				t.Errorf("opening it changed its description to %q", after)
			}
		})
	}
	t.Run("a key of another type", func(t *testing.T) {
		if err := client.HSet(t.Context(), "other:store", "a", "b").Err(); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, s.URL()+"?prefix=other", store.ErrFormat, "its description, under the key other:store, is damaged")
	})
	t.Run("the URL's number of partitions", func(t *testing.T) {
		url := s.Place()
		if o := openLogged(t, url+"&partitions=8", 16); o.err != nil || o.db.Partitions() != 8 {
			t.Fatalf("a new store: %v, %v", o.db, o.err)
		}
		wantRefused(t, url+"&partitions=16", store.ErrPartitions, "it has 8, and 16 are asked for")
	})
}

func TestOpenWaitsForReplicas(t *testing.T) {
	wantOpened(t, shared.Cluster(t).Place()+"&min_replicas=1", "")
	wantRefused(t, shared.Standalone(t).Place()+"&min_replicas=1", store.ErrUnavailable, "0 of 1 replicas have it")
}
