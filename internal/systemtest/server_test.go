package systemtest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "incentives-systemtest")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		defer redisServers.Close()
		if err := os.Chmod(folder, 0o755); err != nil { // for a test with another user
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		binary = filepath.Join(folder, "incentives")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/incentives-dev/incentives").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience is how long anything may take before a test gives it up.
const patience = 30 * time.Second

// A server is one `incentives serve` on ports of its own.
type server struct {
	*testing.T
	cmd             *exec.Cmd
	gateway         string // http://127.0.0.1:port
	plans, payouts  *grpc.ClientConn
	plansvc, paysvc string // addresses
	exited          chan error
	log             *strings.Builder
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// serve starts a server on the data at a place, its clock at a moment, and waits until it is ready.
func serve(t *testing.T, data string, at time.Time, extra ...string) *server {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--plansvc", "127.0.0.1:0", "--payoutsvc", "127.0.0.1:0"}, dataFlags(data)...)
	if !at.IsZero() {
		args = append(args, "--at", at.Format(time.RFC3339))
	}
	s := &server{T: t, cmd: exec.Command(binary, append(args, extra...)...), exited: make(chan error, 1), log: &strings.Builder{}}
	s.cmd.Env = append(os.Environ(), "NO_COLOR=1")
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	ready := make(chan struct{})
	go s.read(bufio.NewScanner(out), ready)
	select {
	case <-ready:
	case err := <-s.exited:
		t.Fatalf("ended before it was ready (%v):\n%s", err, s.log)
	case <-time.After(patience):
		t.Fatalf("not ready after %s:\n%s", patience, s.log)
	}
	s.plans, s.payouts = s.dial(s.plansvc), s.dial(s.paysvc)
	return s
}

// read takes the addresses from what the server prints, and closes ready when it says so.
func (s *server) read(lines *bufio.Scanner, ready chan struct{}) {
	for lines.Scan() {
		line := lines.Text()
		found := address.FindString(line)
		switch {
		case strings.HasPrefix(line, "ready"):
			close(ready)
		case strings.Contains(line, "gateway") && found != "":
			s.gateway = "http://" + found
		case strings.Contains(line, "plansvc") && found != "":
			s.plansvc = found
		case strings.Contains(line, "payoutsvc") && found != "":
			s.paysvc = found
		}
	}
	s.exited <- s.cmd.Wait()
}

func (s *server) dial(target string) *grpc.ClientConn {
	s.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	return conn
}

// kill ends the server as a power cut would, and waits until it is gone.
func (s *server) kill() {
	s.end(syscall.SIGKILL) //nolint:errcheck // it was told to die
}

// stop ends the server as an operator would, and checks that it went in peace.
func (s *server) stop() {
	s.Helper()
	if err := s.end(syscall.SIGTERM); err != nil {
		s.Errorf("after SIGTERM: %v, want exit 0\n%s", err, s.log)
	}
}

func (s *server) end(signal os.Signal) error {
	select {
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("it had ended before (%w)", cmp.Or(err, errors.New("exit status 0")))
	default:
	}
	_ = s.cmd.Process.Signal(signal) // it fails where the process is about to be found gone
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(patience):
		s.cmd.Process.Kill() //nolint:errcheck // the last resort
		return fmt.Errorf("still there %s after %s", patience, signal)
	}
}

// within is a context for one call.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
