package redisstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Answers that are none.
const (
	lost  = "lost"  // the connection is closed
	hangs = "hangs" // nothing comes any more
)

// A fake is a server that answers as it is told: each kind of command with the next of its answers, and in the end with the
// last one over and over.
type fake struct {
	t       *testing.T
	address string

	hanging chan struct{} // gets something when a command has no answer
	mu      sync.Mutex
	answers map[string][]string // by the name of the command; under mu
	got     []string            // the names of the commands, in order; under mu
}

// newFake starts a fake. Answers are in the protocol of Redis, without the end of the line.
func newFake(t *testing.T, answers map[string][]string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, address: l.Addr().String(), answers: answers, hanging: make(chan struct{}, 1)}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			group.Go(func() { f.serve(connection) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // that is how it ends
		group.Wait()
	})
	return f
}

// open returns a store in the fake, which it does not ask about anything.
func (f *fake) open(path string, replicas int) *DB {
	f.t.Helper()
	s, err := parse("redis://" + f.address + path)
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := s.connect()
	if err != nil {
		f.t.Fatal(err)
	}
	db := &DB{server: server, prefix: "p", partitions: 64, replicas: replicas, scripts: newScripts()}
	f.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return db
}

// sent returns the commands that were sent, less those of a connection's greeting.
func (f *fake) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func (f *fake) serve(connection net.Conn) {
	defer connection.Close()
	in := bufio.NewReader(connection)
	for {
		command, err := readCommand(in)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				f.t.Logf("the fake was sent no command: %v", err)
			}
			return
		}
		answer := f.answer(command)
		if answer == lost {
			return
		}
		if answer == hangs {
			f.hanging <- struct{}{}
			continue
		}
		if _, err := io.WriteString(connection, answer+"\r\n"); err != nil {
			return // the client has gone
		}
	}
}

func (f *fake) answer(command []string) string {
	name := strings.ToLower(command[0])
	if name == "eval" && command[1] == fenceSource {
		name = "fence"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answers := f.answers[name]
	switch {
	case len(answers) > 1:
		f.answers[name] = answers[1:]
	case name == "hello":
		return "-ERR unknown command 'HELLO'"
	case name == "client" || name == "select" && len(answers) == 0:
		return "+OK"
	case name == "fence" && len(answers) == 0:
		answers = []string{"$-1"}
	}
	f.got = append(f.got, name)
	if len(answers) == 0 {
		return fmt.Sprintf("-ERR %s was not foreseen", name)
	}
	return answers[0]
}

// readCommand reads an array of strings.
func readCommand(in *bufio.Reader) ([]string, error) {
	n, err := readNumber(in, '*')
	if err != nil {
		return nil, err
	}
	command := make([]string, n)
	for i := range command {
		length, err := readNumber(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:length])
	}
	return command, nil
}

func readNumber(in *bufio.Reader, mark byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != mark {
		return 0, fmt.Errorf("%q does not begin with %c", line, mark)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
