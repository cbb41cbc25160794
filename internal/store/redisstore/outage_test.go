package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// mustOpen opens a store, which is closed at the test's end.
func mustOpen(t *testing.T, url string) store.DB {
	t.Helper()
	o := openLogged(t, url, 0)
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.db
}

func TestE2_AKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	s := redistest.Standalone(t, redistest.Options{})
	l := startLoad(t, mustOpen(t, s.URL()+"?pool_size=1000"), 8) // a small pool dials but once a second after many failures
	for range 10 {
		l.awaitAll()
		s.Kill(t)
		s.Restart(t)
	}
	l.awaitAll()
	if lost := l.stop(); lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
}

// calls are one of each kind.
func calls(db store.DB) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"get":         func(ctx context.Context) error { _, err := db.Get(ctx, 1, thing("works")); return err },
		"scan":        func(ctx context.Context) error { _, err := db.Scan(ctx, 1, "thing", "", 1); return err },
		"collections": func(ctx context.Context) error { _, err := db.Collections(ctx, 1); return err },
		"commit":      func(ctx context.Context) error { return db.Commit(ctx, 1, addTo("works")) },
	}
}

// longest is how long any call may take: a commit's ten seconds.
const longest = 2 * 5 * time.Second

// wantAll makes many calls at once, of each kind, and fails unless all come to the same within the time.
func wantAll(t *testing.T, db store.DB, want error) {
	t.Helper()
	var group sync.WaitGroup
	for name, call := range calls(db) {
		for range 10 {
			group.Go(func() {
				began := time.Now()
				if err := call(t.Context()); !errors.Is(err, want) {
					t.Errorf("%s: got error %v, want %v", name, err, want)
				}
				if took := time.Since(began); took > longest {
					t.Errorf("%s took %s", name, took)
				}
			})
		}
	}
	group.Wait()
}

func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	s := redistest.Standalone(t, redistest.Options{})
	db := mustOpen(t, s.URL())
	wantAll(t, db, nil)
	s.Pause(t)
	wantAll(t, db, store.ErrUnavailable)
	began := time.Now()
	wantRefused(t, s.URL(), store.ErrUnavailable, "timeout")
	if took := time.Since(began); took > 2*longest {
		t.Errorf("opening took %s", took)
	}
	s.Resume(t)
	wantAll(t, db, nil)
}

func TestAServerThatIsDownAndComesBack(t *testing.T) {
	t.Parallel()
	s := redistest.Standalone(t, redistest.Options{})
	db := mustOpen(t, s.URL())
	wantWorks(t, db)
	s.Kill(t)
	wantAll(t, db, store.ErrUnavailable)
	s.Restart(t)
	wantAll(t, db, nil)
	// A call that has nowhere to go waits for a while.
	s.Kill(t)
	var group sync.WaitGroup
	group.Go(func() { wantAll(t, db, nil) })
	s.Restart(t)
	group.Wait()
}

func TestScriptsThatTheServerHasLost(t *testing.T) {
	s := redistest.Standalone(t, redistest.Options{})
	db := mustOpen(t, s.URL())
	wantAll(t, db, nil)
	if err := s.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	wantAll(t, db, nil)
}

func TestReplicasConfirm(t *testing.T) {
	t.Parallel()
	master := redistest.Standalone(t, redistest.Options{})
	replica := redistest.StandaloneReplica(t, master, redistest.Options{})
	db := mustOpen(t, master.URL()+"?min_replicas=1")
	wantAll(t, db, nil)
	replica.Pause(t)
	wantAll(t, db, store.ErrUnavailable)
	replica.Resume(t)
	wantAll(t, db, nil)
}

// TestReplicasConfirmWhatOthersWrote reads, over connections that write nothing, what no replica has yet.
func TestReplicasConfirmWhatOthersWrote(t *testing.T) {
	t.Parallel()
	master := redistest.Standalone(t, redistest.Options{})
	replica := redistest.StandaloneReplica(t, master, redistest.Options{})
	hasty, careful := mustOpen(t, master.URL()), mustOpen(t, master.URL()+"?min_replicas=1")
	replica.Pause(t)
	if err := hasty.Commit(t.Context(), 1, addTo("works")); err != nil {
		t.Fatal(err)
	}
	var absent, notNumber store.Batch
	absent.RequireAbsent(thing("works"))
	notNumber.Put(thing("text"), []byte("x"))
	notNumber.Add(thing("text"), 1)
	var group sync.WaitGroup
	for name, call := range map[string]func(ctx context.Context) error{
		"get":                          calls(careful)["get"],
		"scan":                         calls(careful)["scan"],
		"collections":                  calls(careful)["collections"],
		"a commit that conflicts":      func(ctx context.Context) error { return careful.Commit(ctx, 1, &absent) },
		"a commit that can't be added": func(ctx context.Context) error { return careful.Commit(ctx, 1, &notNumber) },
	} {
		group.Go(func() {
			if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: got error %v before a replica has what it rests on, want %v", name, err, store.ErrUnavailable)
			}
		})
	}
	group.Wait()
	replica.Resume(t)
	if values, err := careful.Get(t.Context(), 1, thing("works")); err != nil || string(values[0]) != "1" {
		t.Errorf("afterwards: %q, %v", values, err)
	}
}

// A server that has become a replica still has connections from before, and soon lags behind.
func TestAMasterThatHasBecomeAReplica(t *testing.T) {
	t.Parallel()
	old, now := redistest.Standalone(t, redistest.Options{}), redistest.Standalone(t, redistest.Options{})
	db := mustOpen(t, old.URL())
	wantAll(t, db, nil)
	if err := old.Client(t).Do(t.Context(), "replicaof", "127.0.0.1", portOf(now)).Err(); err != nil {
		t.Fatal(err)
	}
	wantAll(t, db, store.ErrUnavailable)
	if err := old.Client(t).Do(t.Context(), "replicaof", "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	wantAll(t, db, nil)
}
