package systemtest

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/incentives-dev/incentives/internal/logtest"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		defer redisServers.Close()
		if worker := flag.Lookup("test.fuzzworker"); worker != nil && worker.Value.String() == "true" {
			return m.Run() // a part of fuzzing, which runs the system in its own process, and has little time
		}
		folder, err := os.MkdirTemp("", "incentives-systemtest")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
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
	*process
	gateway         string // http://127.0.0.1:port
	plans, payouts  *grpc.ClientConn
	plansvc, paysvc string // addresses
}

// serve starts a server on the data at a place, its clock at a moment, and waits until it is ready.
func serve(t *testing.T, data string, at time.Time, extra ...string) *server {
	t.Helper()
	return serveLogging(t, &logtest.Journal{}, data, at, extra...)
}

// serveLogging does the same with another standard error.
func serveLogging(t *testing.T, stderr io.Writer, data string, at time.Time, extra ...string) *server {
	t.Helper()
	args := append([]string{"serve", "--listen", anyPort, "--plansvc", anyPort, "--payoutsvc", anyPort}, dataFlags(data)...)
	if !at.IsZero() {
		args = append(args, "--at", at.Format(time.RFC3339))
	}
	s := &server{T: t}
	s.process = launchLogging(t, stderr, append(args, extra...), func(line string) bool {
		switch name, at := heard(line); name {
		case "gateway":
			s.gateway = "http://" + at
		case "plansvc":
			s.plansvc = at
		case "payoutsvc":
			s.paysvc = at
		}
		return strings.HasPrefix(line, "ready")
	})
	s.plans, s.payouts = dial(t, s.plansvc), dial(t, s.paysvc)
	return s
}

func dial(t testing.TB, target string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// stop ends the server as an operator would, and checks that it went in peace.
func (s *server) stop() {
	s.Helper()
	s.process.stop(s.T)
}

// within is a context for one call.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
