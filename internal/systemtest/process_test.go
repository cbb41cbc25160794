package systemtest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/logtest"
)

// anyPort is where a service listens that says itself where that is.
const anyPort = "127.0.0.1:0"

// A process is one of the binary that serves something.
type process struct {
	cmd    *exec.Cmd
	exited chan error
	log    *logtest.Journal
}

// launch starts the binary, and waits until it has printed a line that ready tells to be the last one to wait for.
func launch(t *testing.T, args []string, ready func(line string) bool) *process {
	t.Helper()
	return launchLogging(t, &logtest.Journal{}, args, ready)
}

// launchLogging does the same with another standard error; what is not a journal is not told when a test fails.
func launchLogging(t *testing.T, stderr io.Writer, args []string, ready func(line string) bool) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), exited: make(chan error, 1), log: &logtest.Journal{}}
	if journal, is := stderr.(*logtest.Journal); is {
		p.log = journal
	}
	p.cmd.Env = append(os.Environ(), "NO_COLOR=1")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	isReady := make(chan struct{})
	go p.read(out, ready, isReady)
	select {
	case <-isReady:
	case err := <-p.exited:
		t.Fatalf("ended before it was ready (%v):\n%s", err, p.log)
	case <-time.After(patience):
		t.Fatalf("not ready after %s:\n%s", patience, p.log)
	}
	return p
}

func (p *process) read(out io.Reader, ready func(line string) bool, isReady chan<- struct{}) {
	waiting := true
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if waiting && ready(lines.Text()) {
			close(isReady)
			waiting = false
		}
	}
	p.exited <- p.cmd.Wait()
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// heard reads a line that says which part of a process listens where.
func heard(line string) (part, at string) {
	part, _, _ = strings.Cut(line, " ")
	return part, address.FindString(line)
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	p.end(syscall.SIGKILL) //nolint:errcheck // it was told to die
}

// stop ends the process as an operator would, and checks that it went in peace.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v, want exit 0\n%s", err, p.log)
	}
}

func (p *process) end(signal os.Signal) error {
	select {
	case err := <-p.exited:
		p.exited <- err
		return fmt.Errorf("it had ended before (%w)", cmp.Or(err, errors.New("exit status 0")))
	default:
	}
	_ = p.cmd.Process.Signal(signal) // it fails where the process is about to be found gone
	select {
	case err := <-p.exited:
		p.exited <- err
		return err
	case <-time.After(patience):
		p.cmd.Process.Kill() //nolint:errcheck // the last resort
		return fmt.Errorf("still there %s after %s", patience, signal)
	}
}
