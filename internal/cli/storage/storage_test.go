package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/storage"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
)

// A result is what a command did.
type result struct {
	Status   int
	Out, Err string
}

// commands are what of the command line is tested here.
type commands struct {
	Store storage.Store `cmd:""`
}

// arguments are those that copy a store of plansvc.
func arguments(from, to string) []string {
	return []string{"store", "copy", "--service", "plansvc", "--from", from, "--to", to}
}

// run runs a command line.
func run(ctx context.Context, args ...string) result {
	var out, err bytes.Buffer
	status := cli.Run(ctx, &commands{}, args, &cli.Console{In: strings.NewReader(""), Out: &out, Err: &err})
	return result{status, out.String(), err.String()}
}

// made makes a store of plansvc with some entries, and returns its URL.
func made(t *testing.T, entries int) string {
	t.Helper()
	url := "pebble:" + t.TempDir()
	db, err := storeurl.Open(url, storeurl.Options{Name: "plansvc", Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b store.Batch
	for i := range entries {
		b.Put(store.Key{Collection: "plans", ID: fmt.Sprint(i)}, []byte("x"))
	}
	if err := db.Commit(t.Context(), 1, &b); err != nil {
		t.Fatal(err)
	}
	return url
}

// To Redis and back, with as many partitions as the first store has.
func TestCopy(t *testing.T) {
	redis := redistest.Standalone(t, redistest.Options{})
	first, back := made(t, 1234), "pebble:"+t.TempDir()
	same := result{Out: "Both stores hold the same 1,234 entries.\n"}
	for _, step := range [][2]string{{first, redis.URL()}, {first, redis.URL() + "?partitions=2"}, {redis.URL(), back}} {
		got := run(t.Context(), arguments(step[0], step[1])...)
		if diff := cmp.Diff(same, got); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", step[0], step[1], diff)
		}
	}
	if n := redis.Client(t).HLen(t.Context(), "plansvc:{1}:plans").Val(); n != 1234 {
		t.Errorf("Redis holds %d plans where plansvc looks for them, want 1234", n)
	}
}

func TestCopyRefuses(t *testing.T) {
	from, other := made(t, 3), made(t, 4)
	alive, down := redistest.Standalone(t, redistest.Options{}), redistest.Standalone(t, redistest.Options{})
	down.Kill(t)
	for _, test := range []struct {
		name, service, from, to, want string
	}{
		{"one store", "plansvc", from, from, "incentives: --from and --to are the same store\n"},
		{"another service", "gateway", from, other, "incentives: --service must be one of \"plansvc\",\"payoutsvc\" but got \"gateway\"\nRun \"incentives store copy --help\" to see how it is used.\n"},
		{"no URL", "plansvc", "x", other, "incentives: --from: the store's URL is none"},
		{"a URL of nothing known", "plansvc", from, "mysql://localhost", "incentives: --to: the store's URL has the unknown scheme"},
		{"a store with something else", "plansvc", from, other, "incentives: the store to copy to is neither empty nor a copy: partition 1 differs in plans \"3\", which is in the copy alone\n"},
		{"a folder that is empty", "payoutsvc", "pebble:" + t.TempDir(), "pebble:" + t.TempDir(), ": there is no store\n"},
		{"a Redis that is empty", "payoutsvc", alive.URL(), other, ": there is no store\n"},
		{"another number of partitions", "plansvc", from, alive.URL() + "?partitions=8", "incentives: --to: the store has another number of partitions: its URL asks for 8, and the store to copy has 2\n"},
		{"another service's", "payoutsvc", from, "pebble:" + t.TempDir(), ": the store is another one's: it is of plansvc, and asked for is that of payoutsvc\n"},
		{"a folder that is in use", "plansvc", from, from + "/", ": the store is in use by this process already\n"},
		{"a Redis that is down", "plansvc", from, down.URL(), "connection refused\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t.Context(), "store", "copy", "--service", test.service, "--from", test.from, "--to", test.to)
			if got.Status != 1 || got.Out != "" || !strings.Contains(got.Err, test.want) || !strings.HasPrefix(got.Err, "incentives: ") || strings.Count(got.Err, "\n") != max(1, strings.Count(test.want, "\n")) {
				t.Errorf("%+v, want status 1 and one line with %q", got, test.want)
			}
		})
	}
	if keys := alive.Client(t).DBSize(t.Context()).Val(); keys > 0 {
		t.Errorf("a Redis that was empty, and was copied neither from nor to, has %d keys", keys)
	}
}

// An interrupter interrupts when something is written that has the mark in it.
type interrupter struct {
	written   bytes.Buffer
	mark      string
	interrupt context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(i.mark)) {
		i.interrupt()
	}
	return i.written.Write(p)
}

// A copy that was interrupted goes on where it stood, as the help says.
func TestCopyGoesOnWhenItWasInterrupted(t *testing.T) {
	for _, during := range []string{"counting", "copying", "checking"} {
		t.Run(during, func(t *testing.T) {
			from, to := made(t, 5000), "pebble:"+t.TempDir()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var out bytes.Buffer
			terminal := &interrupter{mark: during, interrupt: interrupt}
			status := cli.Run(ctx, &commands{}, arguments(from, to), &cli.Console{In: strings.NewReader(""), Out: &out, Err: terminal, Terminal: true})
			if status != 1 || out.String() != "" || !strings.HasSuffix(terminal.written.String(), "\rincentives: interrupted\n") {
				t.Errorf("interrupted: status %d, %q, %q; want 1, and one line where the progress was", status, out.String(), terminal.written.String())
			}
			if begun := during != "counting"; isMarked(t, to) != begun {
				t.Errorf("the store that is copied to says that it is no whole copy: %t, want %t", !begun, begun)
			}
			want := result{Out: "Both stores hold the same 5,000 entries.\n"}
			if diff := cmp.Diff(want, run(t.Context(), arguments(from, to)...)); diff != "" {
				t.Errorf("run again (-want +got):\n%s", diff)
			}
			if isMarked(t, to) {
				t.Error("the copy says that it is not whole, after all")
			}
		})
	}
}

// isMarked tells whether a store says of itself that it is no whole copy.
func isMarked(t *testing.T, url string) bool {
	t.Helper()
	db, err := storeurl.Open(url, storeurl.Options{Name: "plansvc", Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	marks, err := db.Get(t.Context(), 1, store.Key{Collection: "copying"})
	if err != nil {
		t.Fatal(err)
	}
	return marks[0] != nil
}
