package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
)

func openWithGenerations(t *testing.T, fs vfs.FS, size int) *DB {
	t.Helper()
	db, err := Open("data", Options{FS: fs, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.generationSize = size
	return db
}

// What is asked of few keys, again and again, is answered as by a map, while generations end.
func TestFiltersLackNothing(t *testing.T) {
	t.Parallel()
	db := openWithGenerations(t, vfs.NewMem(), 2<<10)
	have := map[store.Partition]map[string]string{0: {}, 1: {}}
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 4_000 {
		if n%40 == 0 {
			<-db.flushed // on a busy machine, else, few generations could end
		}
		p := store.Partition(r.IntN(2))
		key := store.Key{Collection: "things", ID: fmt.Sprint(r.IntN(300))}
		value := fmt.Sprint("value ", n)
		var b store.Batch
		want := error(nil)
		switch _, there := have[p][key.ID]; r.IntN(4) {
		case 0: // create, where it is not there
			b.RequireAbsent(key)
			if there {
				want = store.ErrConflict
			}
			b.Put(key, []byte(value))
		case 1: // change, where it is there
			old := have[p][key.ID]
			b.Require(key, []byte(old))
			if !there {
				want = store.ErrConflict
			}
			b.Put(key, []byte(value))
		case 2:
			b.Put(key, []byte(value))
		default:
			b.Delete(key)
			value = ""
		}
		if err := db.Commit(t.Context(), p, &b); !errors.Is(err, want) {
			t.Fatalf("step %d: %s of partition %d: %v, want %v", n, key.ID, p, err, want)
		}
		if want == nil {
			have[p][key.ID] = value
		}
		maps.DeleteFunc(have[p], func(_, value string) bool { return value == "" })
	}
	if n := db.generation.Load(); n < 20 {
		t.Errorf("there were %d generations: this has shown little", n)
	}
	for p, want := range have {
		entries, err := db.Scan(t.Context(), p, "things", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, e := range entries {
			got[e.ID] = string(e.Value)
		}
		if !maps.Equal(got, want) {
			t.Errorf("partition %d holds %d things, want %d: %v", p, len(got), len(want), slices.Sorted(maps.Keys(got)))
		}
	}
}

// A stuckFS makes no tables until it is let go.
type stuckFS struct {
	vfs.FS

	let chan struct{}
}

func (fs stuckFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		<-fs.let
	}
	return fs.FS.Create(name, c)
}

// What is not in tables yet stays in the filters, however much is written after it.
func TestFiltersWaitForTables(t *testing.T) {
	t.Parallel()
	fs := stuckFS{vfs.NewMem(), make(chan struct{})}
	db := openWithGenerations(t, fs, 1<<10)
	create := func(id string) error {
		var b store.Batch
		key := store.Key{Collection: "things", ID: id}
		b.RequireAbsent(key)
		b.Put(key, bytes.Repeat([]byte("x"), 100))
		return db.Commit(t.Context(), 0, &b)
	}
	const n = 200
	all := func(want error) {
		t.Helper()
		for i := range n {
			if err := create(fmt.Sprint(i)); !errors.Is(err, want) {
				t.Fatalf("%d: %v, want %v", i, err, want)
			}
		}
	}
	all(nil)
	all(store.ErrConflict)
	if got := db.generation.Load(); got != 1 {
		t.Fatalf("generation %d has begun, and nothing is in tables", got)
	}
	close(fs.let)
	for i := 0; db.generation.Load() < 4; i++ {
		if i == 10_000 {
			t.Fatalf("generation %d goes on, and all could be in tables", db.generation.Load())
		}
		if err := create(fmt.Sprint("later ", i)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // Pebble writes tables in its own time
	}
	if err := create("0"); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	encoded := appendKey(nil, 0, store.Key{Collection: "things", ID: "0"})
	if part := &db.partitions[0]; part.mayBeRecent(store.Key{Collection: "things", ID: "0"}, encoded) {
		t.Error("the filters have what was written generations ago, so they spare nothing")
	}
	all(store.ErrConflict)
}

// A slowFS takes its time over tables.
type slowFS struct{ vfs.FS }

func (fs slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		time.Sleep(2 * time.Millisecond) //nolint:forbidigo // as said
	}
	return fs.FS.Create(name, c)
}

// A generation may begin while a commit is on its way, because of another partition's: what the commit writes is of the new one.
func TestFiltersWithGenerationsInTheMiddle(t *testing.T) {
	t.Parallel()
	db := openWithGenerations(t, slowFS{vfs.NewMem()}, 1)
	stop := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(stop)
	for w := range 4 {
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				var b store.Batch
				b.Put(store.Key{Collection: "others", ID: fmt.Sprint(w, " ", i%10)}, []byte("x"))
				if err := db.Commit(t.Context(), 1, &b); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 100 {
		key := store.Key{Collection: "things", ID: fmt.Sprint(i)}
		var b store.Batch
		b.RequireAbsent(key)
		b.Put(key, []byte("x"))
		want := error(nil)
		for range 6 {
			if err := db.Commit(t.Context(), 0, &b); !errors.Is(err, want) {
				t.Fatalf("%s: %v, want %v", key.ID, err, want)
			}
			want = store.ErrConflict
			time.Sleep(time.Millisecond) //nolint:forbidigo // as said
		}
	}
}
