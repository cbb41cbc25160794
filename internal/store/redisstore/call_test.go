package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
)

// What a server says of a script that it has not run, and may run in a moment.
var notNow = []string{
	"-MOVED 17 127.0.0.1:1", "-ASK 17 127.0.0.1:1", "-TRYAGAIN Multiple keys request during rehashing of slot", "-CLUSTERDOWN The cluster is down",
	"-READONLY this server is a replica", "-LOADING Redis is loading the dataset in memory", "-MASTERDOWN Link with MASTER is down",
	"-NOREPLICAS Not enough good replicas to write.", "-BUSY Redis is busy running a script.",
}

func TestCommitIsSentOnce(t *testing.T) {
	type want struct {
		err  error
		sent []string
	}
	type row struct {
		name     string
		replicas int
		answers  map[string][]string
		want     want
	}
	unavailable := func(sent ...string) want { return want{store.ErrUnavailable, sent} }
	rows := []row{
		{"applied", 0, map[string][]string{"evalsha": {":0"}}, want{nil, []string{"evalsha"}}},
		{"conflict", 0, map[string][]string{"evalsha": {":1"}}, want{store.ErrConflict, []string{"evalsha"}}},
		{"no number", 0, map[string][]string{"evalsha": {":2"}}, want{store.ErrNotNumber, []string{"evalsha"}}},
		{"overflow", 0, map[string][]string{"evalsha": {":3"}}, want{store.ErrOverflow, []string{"evalsha"}}},
		{"the script is not known", 0, map[string][]string{"evalsha": {"-NOSCRIPT No matching script."}, "eval": {":0"}}, want{nil, []string{"evalsha", "eval"}}},
		{"the script stays unknown", 0, map[string][]string{"evalsha": {"-NOSCRIPT x"}, "eval": {"-NOSCRIPT x"}}, unavailable("evalsha", "eval")},
		{"the answer is lost", 0, map[string][]string{"evalsha": {lost}}, unavailable("evalsha")},
		{"an error that says nothing of what was done", 0, map[string][]string{"evalsha": {"-ERR oh"}}, unavailable("evalsha")},
		{"an error whose text has a known word in it", 0, map[string][]string{"evalsha": {"-ERR oh: MOVED"}}, unavailable("evalsha")},
		{"no memory", 0, map[string][]string{"evalsha": {"-OOM command not allowed when used memory > 'maxmemory'."}}, unavailable("evalsha")},
		{"an answer that is none", 0, map[string][]string{"evalsha": {"+OK"}}, unavailable("evalsha")},
		{"a number that is no answer", 0, map[string][]string{"evalsha": {":4"}}, unavailable("evalsha")},

		{"the replicas have it", 2, map[string][]string{"evalsha": {":0"}, "wait": {":2"}}, want{nil, []string{"evalsha", "fence", "wait"}}},
		{"too few replicas have it", 2, map[string][]string{"evalsha": {":0"}, "wait": {":1"}}, unavailable("evalsha", "fence", "wait")},
		{"too few replicas have what it conflicts with", 2, map[string][]string{"evalsha": {":1"}, "wait": {":1"}}, unavailable("evalsha", "fence", "wait")},
		{"replicas have what it conflicts with", 2, map[string][]string{"evalsha": {":1"}, "wait": {":2"}}, want{store.ErrConflict, []string{"evalsha", "fence", "wait"}}},
		{"the replicas' answer is lost", 1, map[string][]string{"evalsha": {":0"}, "wait": {lost}}, unavailable("evalsha", "fence", "wait")},
		{"the fence fails", 1, map[string][]string{"evalsha": {":0"}, "fence": {"-READONLY x"}, "wait": {":1"}}, unavailable("evalsha", "fence", "wait")},
		{
			"the script is not known to one with replicas", 1,
			map[string][]string{"evalsha": {"-NOSCRIPT x"}, "eval": {":0"}, "wait": {":1"}},
			want{nil, []string{"evalsha", "fence", "wait", "eval", "fence", "wait"}},
		},
	}
	for _, refusal := range notNow {
		rows = append(rows,
			row{"at first " + refusal, 0, map[string][]string{"evalsha": {refusal, refusal, ":0"}}, want{nil, []string{"evalsha", "evalsha", "evalsha"}}},
			// The script has run: this says nothing of it.
			row{"as the answer to WAIT " + refusal, 1, map[string][]string{"evalsha": {":0"}, "wait": {refusal}}, unavailable("evalsha", "fence", "wait")})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			f := newFake(t, r.answers)
			err := f.open("", r.replicas).Commit(t.Context(), 17, aPut())
			if !errors.Is(err, r.want.err) {
				t.Errorf("commit: got error %v, want %v", err, r.want.err)
			}
			if diff := cmp.Diff(r.want.sent, f.sent()); diff != "" {
				t.Errorf("commands sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadIsSentAgain(t *testing.T) {
	found := "*1\r\n$1\r\n7"
	type row struct {
		name    string
		answers []string
		sent    int
		err     error
	}
	rows := []row{
		{"found", []string{found}, 1, nil},
		{"lost at first", []string{lost, lost, found}, 3, nil},
		{"an error that stays", []string{"-WRONGTYPE oh"}, 1, store.ErrUnavailable},
		{"no list", []string{":1"}, 1, store.ErrUnavailable},
		{"a list that is too short", []string{"*0"}, 1, store.ErrUnavailable},
	}
	for _, refusal := range notNow {
		rows = append(rows, row{"at first " + refusal, []string{refusal, found}, 2, nil})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			f := newFake(t, map[string][]string{"evalsha": r.answers})
			values, err := f.open("", 0).Get(t.Context(), 17, store.Key{Collection: "thing", ID: "a"})
			if !errors.Is(err, r.err) {
				t.Errorf("get: got error %v, want %v", err, r.err)
			}
			if err == nil && string(values[0]) != "7" {
				t.Errorf("got %q, want 7", values)
			}
			if sent := len(f.sent()); sent != r.sent {
				t.Errorf("sent %d times, want %d", sent, r.sent)
			}
		})
	}
}

// A connection begins with commands of its own. What goes wrong there has not reached the script.
func TestCommitIsSentAfterAGreetingThatFailed(t *testing.T) {
	f := newFake(t, map[string][]string{"select": {"-LOADING Redis is loading the dataset in memory", "+OK"}, "evalsha": {":0"}})
	if err := f.open("/3", 0).Commit(t.Context(), 17, aPut()); err != nil {
		t.Errorf("commit: %v", err)
	}
	if got := f.sent(); !slices.Contains(got, "evalsha") {
		t.Errorf("sent %q, and no script", got)
	}
}

// A store is opened that is only about to be there: Redis answers, and says that it is loading.
func TestOpenWaitsForAServerThatLoads(t *testing.T) {
	loading, description := "-LOADING Redis is loading the dataset in memory", `{"format":1,"partitions":7}`
	f := newFake(t, map[string][]string{
		"info": {"-NOPERM"}, "config": {"-NOPERM"}, "get": {loading, loading, fmt.Sprintf("$%d\r\n%s", len(description), description)},
	})
	db, err := Open("redis://"+f.address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if db.Partitions() != 7 {
		t.Errorf("got %d partitions, want 7", db.Partitions())
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestCallsThatNobodyAnswersEnd(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string][]string{"evalsha": {"-LOADING Redis is loading the dataset in memory"}})
	db := f.open("", 0)
	for name, call := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := db.Get(ctx, 17, store.Key{Collection: "thing"})
			return err
		},
		"commit": func(ctx context.Context) error { return db.Commit(ctx, 17, aPut()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			// Nothing was done, so that is the whole truth.
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("with a deadline: got error %v, want %v", err, context.DeadlineExceeded)
			}
			if took := time.Since(began); took > callTime/2 {
				t.Errorf("with a deadline of 100 ms it took %s", took)
			}
			began = time.Now()
			if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("without a deadline: got error %v, want %v", err, store.ErrUnavailable)
			}
			if took := time.Since(began); took < callTime/2 || took > 2*callTime {
				t.Errorf("without a deadline it took %s, want about %s", took, callTime)
			}
		})
	}
}

func TestCloseWaitsForACallThatHangs(t *testing.T) {
	f := newFake(t, map[string][]string{"evalsha": {hangs}})
	db := f.open("?read_timeout=1s", 0)
	done := make(chan error, 1)
	go func() { done <- db.Commit(context.Background(), 17, aPut()) }()
	<-f.hanging
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	// Its time was up; nobody closed its connection.
	if err := <-done; !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("commit: got error %v, want one that its time was up", err)
	}
}

// aPut returns a batch that puts one value.
func aPut() *store.Batch {
	var b store.Batch
	b.Put(store.Key{Collection: "thing", ID: "a"}, []byte("1"))
	return &b
}
