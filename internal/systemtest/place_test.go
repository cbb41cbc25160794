package systemtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// redisServers are for the tests that kill none.
var redisServers redistest.Shared

// A place is where a system can keep its data. All of them are in one list, and so is what has to hold on each.
type place struct {
	name string
	// empty makes one without data: a folder, or the URL of a store that several processes share.
	empty func(t *testing.T) string
}

var places = []place{
	{"Pebble", func(t *testing.T) string {
		t.Helper()
		return filepath.Join(t.TempDir(), "data")
	}},
	{"Redis", func(t *testing.T) string {
		t.Helper()
		return redisServers.Standalone(t).Place()
	}},
	{"Cluster", func(t *testing.T) string {
		t.Helper()
		return redisServers.Cluster(t).Place() + "&min_replicas=1"
	}},
}

// onEach runs a test once in each place, side by side.
func onEach(t *testing.T, test func(t *testing.T, in place)) {
	t.Helper()
	t.Parallel()
	on := places
	if testing.Short() {
		on = places[:2] // our code is the same on a Cluster, and make test has it; the store's own tests are run there in full
	}
	for _, in := range on {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			test(t, in)
		})
	}
}

// dataFlags name what a place returned.
func dataFlags(at string) []string {
	if strings.Contains(at, "://") {
		return []string{"--store", at}
	}
	return []string{"--data", at}
}

// copied makes a place that holds what a data folder does; beyond the files, by the command that an operator has for it.
func (in place) copied(t *testing.T, folder string) string {
	t.Helper()
	files := filepath.Join(t.TempDir(), "data") // a store of its own: another test may be copying at the same time
	if err := os.CopyFS(files, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	to := in.empty(t)
	if !strings.Contains(to, "://") {
		return files
	}
	for _, service := range []string{"plansvc", "payoutsvc"} {
		got := finish(t, program(t, "store", "copy", "--service", service, "--from", "pebble:"+filepath.Join(files, service), "--to", to))
		if got.Status != done || got.Err != "" {
			t.Fatalf("store copy: %+v", got)
		}
	}
	return to
}
