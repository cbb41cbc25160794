package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestServerKeepsItsDataOverAKill(t *testing.T) {
	s := Standalone(t, Options{})
	if err := s.Client(t).Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	if connection, err := net.Dial("tcp", s.Addr); err == nil {
		_ = connection.Close() // there should be none
		t.Error("a server answers that was killed")
	}
	s.Restart(t)
	s.Restart(t) // and while it runs
	if got, err := s.Client(t).Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("after a kill and a restart: %q, %v", got, err)
	}
}

func TestClusterStarts(t *testing.T) {
	var shared Shared
	defer shared.Close()
	began := time.Now()
	c := shared.Cluster(t)
	t.Logf("a Cluster took %s", time.Since(began))
	for _, key := range []string{"a", "b", "c"} {
		master := c.MasterOf(t, key)
		if err := master.Client(t).Set(t.Context(), key, "value", 0).Err(); err != nil {
			t.Errorf("the master of %s: %v", key, err)
		}
		if replica := c.ReplicaOf(t, master); replica == master {
			t.Errorf("the master of %s is its own replica", key)
		}
	}
}

// childMark is the variable of the environment that tells a process of this test that it is the one to be killed.
const childMark = "REDISTEST_CHILD"

// TestServersEndWithTheProcess starts a process of this test that starts a server, and kills it.
func TestServersEndWithTheProcess(t *testing.T) {
	if os.Getenv(childMark) != "" {
		s := Standalone(t, Options{})
		fmt.Printf("server %s %s\n", s.Addr, s.folder)
		<-t.Context().Done() // never: it is killed before
	}
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), childMark+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var address, folder string
	for lines := bufio.NewScanner(out); folder == "" && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "server %s %s", &address, &folder) // other lines are the test's
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	Await(t, "the server has ended, too", func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil //nolint:nilerr // that is what is waited for
		}
		return errors.Join(errors.New("it answers"), connection.Close())
	})
}
