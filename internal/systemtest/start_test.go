package systemtest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
)

// nobody is a user without special rights.
const nobody = 65534

// Data that the user may not read or write is told in one line, which names it.
func TestServeSaysThatItsDataMayNotBeRead(t *testing.T) {
	t.Parallel()
	// Below the binary's folder, which everybody may enter.
	folder := filepath.Join(filepath.Dir(binary), "locked")
	data := filepath.Join(folder, "data")
	serve(t, data, clock).stop()
	give(t, folder)
	for _, locked := range []string{"data/plansvc", "data/payoutsvc", "data"} {
		path := filepath.Join(folder, locked)
		chmod(t, path, 0)
		got := finish(t, asNobody(t, "serve", "--data", data, "--log-level", "warn",
			"--listen", "127.0.0.1:0", "--plansvc", "127.0.0.1:0", "--payoutsvc", "127.0.0.1:0"))
		chmod(t, path, 0o700)
		if got.Status != failed || strings.Count(got.Err, "\n") != 1 || !strings.Contains(got.Err, path) || !strings.Contains(got.Err, "permission denied") {
			t.Errorf("%s locked: status %d\n%swant 1, and one line that names it", locked, got.Status, got.Err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// asNobody prepares the binary for a user whom a mode can lock out.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(within(t), binary, args...)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// give makes a folder with all in it that user's.
func give(t *testing.T, folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is wrong with the Redis of a service is told in one line at its start, without a password.
func TestServicesSayWhatIsWrongWithTheirRedis(t *testing.T) {
	t.Parallel()
	shared, cluster := redisServers.Standalone(t), redisServers.Cluster(t)
	locked := redistest.Standalone(t, redistest.Options{User: "ana", Password: "secret"})
	volatile := redistest.Standalone(t, redistest.Options{Lines: []string{"maxmemory-policy allkeys-lru"}})
	down := redistest.Standalone(t, redistest.Options{})
	down.Kill(t)
	made := shared.Place() + "&partitions=8"
	serve(t, made, clock).stop()
	newer := shared.Place()
	serve(t, newer, clock).stop()
	_, prefix, _ := strings.Cut(newer, "prefix=")
	for _, service := range []string{"plansvc", "payoutsvc"} {
		if err := shared.Client(t).Set(t.Context(), prefix+":"+service+":store", `{"format":99,"partitions":64}`, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, url, want string
		only            string // the flag whose URL it is wrong in; "" is any
	}{
		{"no host", "redis://", "no host", ""},
		{"an unknown option", shared.URL() + "?min_replica=1", "min_replica", ""},
		{"a server that is down", down.URL(), "connection refused", ""},
		{"a wrong password", "redis://ana:secret1@" + locked.Addr, "password", ""},
		{"no password", "redis://" + locked.Addr, "password", ""},
		{"a Cluster as one server", "redis://" + cluster.Nodes[0].Addr, "redis+cluster://", ""},
		{"one server as a Cluster", "redis+cluster://" + shared.Addr, "redis://", ""},
		{"one server as a Sentinel", "redis+sentinel://" + shared.Addr + "/mymaster", "entinel", ""},
		{"TLS that it does not speak", "rediss://" + shared.Addr, "TLS", ""},
		{"another number of partitions", strings.Replace(made, "=8", "=9", 1), "8", "--store"},
		{"a newer format", newer, "version 99", "--store"},
		{"replicas that streams do not wait for", shared.URL() + "?min_replicas=1", "min_replicas=1 is for stores alone", "--streams"},
		{"replicas that are not there", shared.Place() + "&min_replicas=1", "0 of 1 replicas", "--store"},
		{"one that evicts", volatile.URL(), "maxmemory-policy", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{
				{"plansvc", "--store"},
				{"payoutsvc", "--store"},
				{"serve", "--plansvc", anyPort, "--payoutsvc", anyPort, "--store"},
				{"payoutsvc", "--store", "pebble:" + t.TempDir(), "--streams"},
			} {
				if flag := args[len(args)-1]; test.only != "" && test.only != flag {
					continue
				}
				got := finish(t, program(t, append(args, test.url, "--listen", anyPort, "--log-level", "error")...))
				if got.Status != failed || strings.Count(got.Err, "\n") != 1 || !strings.Contains(got.Err, test.want) || strings.Contains(got.Err, "secret") {
					t.Errorf("%s: status %d\n%swant 1, and one line with %q", args[0], got.Status, got.Err, test.want)
				}
			}
		})
	}
}

// A service does not start on a part of a copy.
func TestServicesRefuseAnUnfinishedCopy(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		at := in.empty(t)
		serve(t, at, clock).stop()
		url := at
		for _, service := range []string{"plansvc", "payoutsvc"} {
			if in.name == places[0].name {
				url = "pebble:" + filepath.Join(at, service)
			}
			mark(t, url, service, true)
			got := finish(t, program(t, service, "--store", url, "--listen", anyPort))
			if got.Status != failed || !strings.Contains(got.Err, "it is a copy that is not finished") || strings.Count(got.Err, "\n") != 1 {
				t.Errorf("%s: %+v, want one line that says so", service, got)
			}
			mark(t, url, service, false)
		}
		serve(t, at, clock).stop()
	})
}

// mark leaves in a store what a copy does that is not finished, or takes it away.
func mark(t *testing.T, url, service string, unfinished bool) {
	t.Helper()
	db, err := storeurl.Open(url, storeurl.Options{Name: service})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b store.Batch
	if key := (store.Key{Collection: "copying"}); unfinished {
		b.Put(key, []byte("{}"))
	} else {
		b.Delete(key)
	}
	if err := db.Commit(t.Context(), 7, &b); err != nil {
		t.Fatal(err)
	}
}
