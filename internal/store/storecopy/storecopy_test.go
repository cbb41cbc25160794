package storecopy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/internal/store/storecopy"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
)

// redisServers are those of all tests.
var redisServers redistest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	redisServers.Close()
	os.Exit(code)
}

const partitions = 3

func open(t *testing.T, url string) store.DB {
	t.Helper()
	db, err := storeurl.Open(url, storeurl.Options{Name: "test", Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func empty(t *testing.T) store.DB {
	t.Helper()
	return open(t, "pebble:"+t.TempDir())
}

// fill writes entries into a store: of each collection so many, with ids and values of every kind.
func fill(t *testing.T, db store.DB, collections map[string]int) (entries int64) {
	t.Helper()
	for p := range store.Partition(partitions) {
		for name, count := range collections {
			var b store.Batch
			for i := range count {
				id := fmt.Sprintf("%s/%d\x00\xff", strings.Repeat("é", i%50), i)
				b.Put(store.Key{Collection: name, ID: id}, bytes.Repeat([]byte{byte(i)}, i%300))
			}
			b.Put(store.Key{Collection: name}, nil)
			b.Add(store.Key{Collection: name, ID: "counter"}, int64(count))
			commit(t, db, p, &b)
			entries += int64(count) + 2
		}
	}
	return entries
}

func commit(t *testing.T, db store.DB, p store.Partition, b *store.Batch) {
	t.Helper()
	if err := db.Commit(t.Context(), p, b); err != nil {
		t.Fatal(err)
	}
}

// content is everything in a store.
func content(t *testing.T, db store.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for p := range store.Partition(partitions) {
		names, err := db.Collections(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			entries, err := db.Scan(t.Context(), p, name, "", 100_000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				all[fmt.Sprintf("%d %s %q", p, name, e.ID)] = string(e.Value)
			}
		}
	}
	return all
}

func checkSame(t *testing.T, from, to store.DB) {
	t.Helper()
	if diff := cmp.Diff(content(t, from), content(t, to)); diff != "" {
		t.Errorf("the copy differs (-from +to):\n%.3000s", diff)
	}
}

func TestRun(t *testing.T) {
	for name, collections := range map[string]map[string]int{
		"nothing":            {},
		"some":               {"plans": 40, "plans_by_state": 3, "a": 1},
		"a page less one":    {"plans": 13}, // and two: see fill
		"a page":             {"plans": 14},
		"a page and one":     {"plans": 15},
		"two pages":          {"plans": 142},
		"three pages":        {"plans": 1142},
		"and one":            {"plans": 1143},
		"some pages of more": {"earnings": 2500, "plans": 2500},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := empty(t), empty(t)
			want := fill(t, from, collections)
			for range 2 { // the second time it only compares
				var steps []storecopy.Step
				var done, total int64
				work := storecopy.Copy{From: from, To: to, Progress: func(step storecopy.Step, d, n int64) {
					if len(steps) == 0 || steps[len(steps)-1] != step {
						steps = append(steps, step)
					}
					if done, total = d, n; n > 0 && d > n {
						t.Errorf("%s: %d of %d", step, d, n)
					}
				}}
				got, err := work.Run(t.Context())
				if err != nil || got != want {
					t.Fatalf("%d entries, %v; want %d", got, err, want)
				}
				if want > 0 && (len(steps) != 3 || done != want || total != want) {
					t.Errorf("steps %v, the last one %d of %d; want three, up to %d", steps, done, total, want)
				}
				checkSame(t, from, to)
				if err := storecopy.CheckWhole(t.Context(), to); err != nil {
					t.Errorf("the copy is whole: %v", err)
				}
			}
		})
	}
}

// Values that are large together go in several pages and commits, and one that is large by itself in one. Redis has calls
// wait for all of a page or a commit, for some seconds at most.
func TestRunOfLargeValues(t *testing.T) {
	first := empty(t)
	var b store.Batch
	for i := range 100 {
		b.Put(store.Key{Collection: "plans", ID: fmt.Sprint(i)}, bytes.Repeat([]byte{byte(i)}, 300<<10))
	}
	b.Put(store.Key{Collection: "plans", ID: "large"}, make([]byte, 3<<20))
	commit(t, first, 0, &b)
	from := first
	for _, url := range []string{"pebble:" + t.TempDir(), redisServers.Standalone(t).Place(), "pebble:" + t.TempDir()} {
		opened := open(t, url)
		to, largest := &failing{DB: opened, largest: new(int)}, 0
		if _, err := (&storecopy.Copy{From: scanned{from, &largest}, To: to}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkSame(t, first, opened)
		if largest > 8<<20 || *to.largest > 5<<20 {
			t.Errorf("a page of %d bytes, a commit of %d", largest, *to.largest)
		}
		from = opened
	}
}

// A scanned store measures the pages that are read.
type scanned struct {
	store.DB
	largest *int // page so far, in bytes
}

func (s scanned) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	entries, err := s.DB.Scan(ctx, p, collection, from, limit)
	size := 0
	for _, e := range entries {
		size += len(e.Value)
	}
	*s.largest = max(*s.largest, size)
	return entries, err
}

// A failing store fails a commit.
type failing struct {
	store.DB
	left    int  // commits until then; it does not fail where it began with 0
	largest *int // commit so far, in bytes
}

var errFailing = errors.New("out of order")

func (f *failing) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	size := 0
	for _, w := range b.Writes() {
		size += len(w.Value)
	}
	*f.largest = max(*f.largest, size)
	f.left--
	if f.left == 0 {
		return errFailing
	}
	return f.DB.Commit(ctx, p, b)
}

// Wherever a copy is cut off, it goes on there; until it is whole, it can be told from one.
func TestRunGoesOn(t *testing.T) {
	from := empty(t)
	want := fill(t, from, map[string]int{"earnings": 1500, "plans": 20})
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 1; ; n += step {
		to := empty(t)
		_, err := (&storecopy.Copy{From: from, To: &failing{DB: to, left: n, largest: new(int)}}).Run(t.Context())
		if err == nil {
			if n < 10 {
				t.Errorf("a copy takes %d commits: the test has shown nothing", n)
			}
			return
		}
		if !errors.Is(err, errFailing) {
			t.Fatal(err)
		}
		copied := int64(0)
		if err := storecopy.CheckWhole(t.Context(), to); errors.Is(err, storecopy.ErrUnfinished) != (n > 1) {
			t.Fatalf("cut off at commit %d: CheckWhole returns %v, want an error from the second on", n, err)
		}
		work := storecopy.Copy{From: from, To: to, Progress: func(step storecopy.Step, done, _ int64) {
			if step == storecopy.Copying {
				copied = done
			}
		}}
		got, err := work.Run(t.Context())
		if err != nil || got != want || copied != want {
			t.Fatalf("cut off at commit %d: %d entries, %d told of, %v; want %d", n, got, copied, err, want)
		}
		checkSame(t, from, to)
	}
}

func TestRunRefuses(t *testing.T) {
	other := func(id, value string) *store.Batch {
		var b store.Batch
		b.Put(store.Key{Collection: "plans", ID: id}, []byte(value))
		return &b
	}
	for _, test := range []struct {
		name string
		in   *store.Batch // what the other store holds
		want string
	}{
		{"other entries", other("x", ""), `partition 1 differs in plans "", which one of them lacks`},
		{"another value", other("counter", "7"), `partition 1 differs in plans "", which one of them lacks`},
		{"another collection", func() *store.Batch {
			var b store.Batch
			b.Put(store.Key{Collection: "zzz", ID: "1"}, nil)
			return &b
		}(), `partition 1 differs in plans "", which one of them lacks`},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to := empty(t), empty(t)
			fill(t, from, map[string]int{"plans": 5})
			commit(t, to, 1, test.in)
			before := content(t, to)
			_, err := (&storecopy.Copy{From: from, To: to}).Run(t.Context())
			if _, ok := errors.AsType[*storecopy.NotEmptyError](err); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want a NotEmptyError with %q", err, test.want)
			}
			if diff := cmp.Diff(before, content(t, to)); diff != "" {
				t.Errorf("the other store was written to, also where it was empty (-before +after):\n%.3000s", diff)
			}
		})
	}
	t.Run("a part of a copy", func(t *testing.T) {
		from, part, to := empty(t), empty(t), empty(t)
		fill(t, from, map[string]int{"plans": 5})
		_, err := (&storecopy.Copy{From: from, To: &failing{DB: part, left: 3, largest: new(int)}}).Run(t.Context())
		if !errors.Is(err, errFailing) {
			t.Fatal(err)
		}
		_, err = (&storecopy.Copy{From: part, To: to}).Run(t.Context())
		if !errors.Is(err, storecopy.ErrUnfinished) || len(content(t, to)) > 0 {
			t.Errorf("%v and %d entries, want ErrUnfinished and none", err, len(content(t, to)))
		}
	})
	t.Run("another number of partitions", func(t *testing.T) {
		to, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: 4})
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		if _, err := (&storecopy.Copy{From: empty(t), To: to}).Run(t.Context()); !errors.Is(err, store.ErrPartitions) {
			t.Errorf("%v, want ErrPartitions", err)
		}
	})
}

// Whoever writes to one of the stores meanwhile is found out by the check, and the copy keeps the mark that it is none.
func TestRunFindsWhatIsWrittenMeanwhile(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(from, to store.DB) (store.DB, store.Key, string)
		want  string
	}{
		{"a new entry", func(from, _ store.DB) (store.DB, store.Key, string) {
			return from, store.Key{Collection: "plans", ID: "!"}, "x"
		}, `plans "!", which one of them lacks`},
		{"another value", func(from, _ store.DB) (store.DB, store.Key, string) {
			return from, store.Key{Collection: "plans", ID: "counter"}, "99"
		}, `plans "counter", whose values differ`},
		{"one in the copy", func(_, to store.DB) (store.DB, store.Key, string) {
			return to, store.Key{Collection: "zzz", ID: "1"}, "x"
		}, `zzz "1", which is in the copy alone`},
		{"one behind the last", func(from, _ store.DB) (store.DB, store.Key, string) {
			return from, store.Key{Collection: "zzz", ID: "1"}, "x"
		}, `zzz "1", which the copy lacks`},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to := empty(t), empty(t)
			fill(t, from, map[string]int{"plans": 5})
			written := false
			work := storecopy.Copy{From: from, To: to, Progress: func(step storecopy.Step, _, _ int64) {
				if step == storecopy.Checking && !written { // of the first partition
					written = true
					db, key, value := test.write(from, to)
					var b store.Batch
					b.Put(key, []byte(value))
					commit(t, db, 2, &b)
				}
			}}
			_, err := work.Run(t.Context())
			if _, ok := errors.AsType[*storecopy.DifferenceError](err); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want a DifferenceError with %q", err, test.want)
			}
			marked, err := to.Get(t.Context(), 2, store.Key{Collection: "copying"})
			if err != nil || marked[0] == nil {
				t.Errorf("the mark of a copy that is none: %q, %v; want one", marked[0], err)
			}
		})
	}
}

// From this machine to Redis and to a Cluster, and back.
func TestRunBetweenEngines(t *testing.T) {
	first := empty(t)
	want := fill(t, first, map[string]int{"earnings": 1500, "plans": 20})
	from := first
	for _, url := range []string{
		redisServers.Standalone(t).Place(), redisServers.Cluster(t).Place() + "&min_replicas=1", "pebble:" + t.TempDir(),
	} {
		to := open(t, url)
		if got, err := (&storecopy.Copy{From: from, To: to}).Run(t.Context()); err != nil || got != want {
			t.Fatalf("to %s: %d entries, %v; want %d", url, got, err, want)
		}
		checkSame(t, first, to)
		from = to
	}
}
