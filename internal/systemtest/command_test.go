package systemtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Exit statuses, as `incentives --help` promises them.
const (
	done    = 0
	failed  = 1
	partial = 2
)

// A result is what a command of the binary did.
type result struct {
	Status   int
	Out, Err string
}

// in is the server as a subtest sees it.
func (s *server) in(t *testing.T) *server {
	here := *s
	here.T = t
	return &here
}

// command prepares the binary with arguments, as a client of the server and in a folder.
func (s *server) command(folder string, args ...string) *exec.Cmd {
	s.Helper()
	cmd := program(s.T, args...)
	cmd.Dir = folder
	cmd.Env = s.environment()
	return cmd
}

// program prepares the binary with arguments, as no client of any server.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience) // it may have much to do
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, binary, args...)
}

// environment has commands find the server.
func (s *server) environment() []string {
	return append(os.Environ(), "INCENTIVES_PLANSVC="+s.plansvc, "INCENTIVES_PAYOUTSVC="+s.paysvc)
}

// do runs a command to its end.
func (s *server) do(folder string, args ...string) result {
	s.Helper()
	return finish(s.T, s.command(folder, args...))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	return <-begin(t, cmd)
}

// begin starts a command, and sends what it did when it has ended.
func begin(t *testing.T, cmd *exec.Cmd) <-chan result {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan result, 1)
	go func() {
		_ = cmd.Wait() // its exit status is a part of the result
		ended <- result{Status: cmd.ProcessState.ExitCode(), Out: out.String(), Err: err.String()}
	}()
	return ended
}

// same checks what a command did.
func same(t *testing.T, what string, got, want result) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// write writes a file of a folder.
func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns a file of a folder, "" where there is none.
func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}
