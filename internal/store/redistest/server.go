package redistest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// startTime is how long a server may take to start or to stop, on a busy machine.
const startTime = 30 * time.Second

// missing is what a test says where there is no Redis.
const missing = "the tests need Redis. On Debian: apt-get install redis-server"

// Options say what is special about a server.
type Options struct {
	User     string   // with Password; "" is the default user
	Password string   // "" takes anybody
	TLS      bool     // with a certificate for 127.0.0.1 and localhost; see [WriteAuthority]
	Lines    []string // more configuration, which goes before what this package says
}

// A Server is one process of Redis, which may be killed, paused and started again.
type Server struct {
	Addr string // host:port

	options Options
	role    role
	folder  string

	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
	log     *log
}

// Standalone starts a server that ends with the test.
func Standalone(t testing.TB, o Options) *Server {
	t.Helper()
	s := standalone(t, o)
	t.Cleanup(s.close)
	return s
}

func standalone(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := launch(o, dataServer, dataLines(o)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// StandaloneReplica starts a replica of a server, which it is connected to. It ends with the test.
func StandaloneReplica(t testing.TB, master *Server, o Options) *Server {
	t.Helper()
	s := Standalone(t, replicaOptions(master, o))
	s.AwaitMaster(t)
	return s
}

func replicaOptions(master *Server, o Options) Options {
	o.Lines = append([]string{"replicaof 127.0.0.1 " + portOf(master.Addr)}, o.Lines...)
	return o
}

// AwaitMaster waits until a replica is connected to its master.
func (s *Server) AwaitMaster(t testing.TB) {
	t.Helper()
	client := s.Client(t)
	Await(t, "the replica is connected", func(ctx context.Context) error {
		info, err := client.Info(ctx, "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New(info)
		}
		return err
	})
}

// dataLines are the configuration of a server that holds data.
func dataLines(o Options) []string {
	lines := []string{
		"appendonly yes", "appendfsync always", `save ""`, "repl-diskless-sync yes", "repl-diskless-sync-delay 0",
	}
	if o.User != "" {
		lines = append(lines, "user default off", "user "+o.User+" on "+quote(">"+o.Password)+" ~* &* +@all", "masteruser "+o.User)
	} else if o.Password != "" {
		lines = append(lines, "requirepass "+quote(o.Password))
	}
	if o.Password != "" {
		lines = append(lines, "masterauth "+quote(o.Password))
	}
	return lines
}

// A role is how a server is started, and what it says when it is ready.
type role struct {
	arguments []string // after the file of its configuration
	ready     string
}

var (
	dataServer   = role{ready: "Ready to accept connections"}
	watchingRole = role{ready: "Sentinel ID is", arguments: []string{"--sentinel"}}
)

// launch starts a server on a free port: another one where the first is taken meanwhile.
func launch(o Options, r role, lines ...string) (*Server, error) {
	var err error
	for range 5 {
		var s *Server
		if s, err = prepare(o, r, lines); err != nil {
			return nil, err
		}
		if err = s.start(); err == nil {
			return s, nil
		}
		s.close()
		if !strings.Contains(err.Error(), "already in use") {
			break
		}
	}
	return nil, err
}

// prepare makes all that a server needs to start.
func prepare(o Options, r role, lines []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: loopback(port), options: o, role: r}
	if s.folder, err = os.MkdirTemp(parentFolder(), "redistest-"); err != nil {
		return nil, err
	}
	if err := s.configure(append(slices.Clone(lines), o.Lines...)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// configure writes the file that the server reads on every start, and may rewrite.
func (s *Server) configure(lines []string) error {
	port := "port"
	if s.options.TLS {
		certificate, err := newCertificate(s.folder)
		if err != nil {
			return err
		}
		lines = append(certificate, lines...)
		port = "port 0\ntls-port"
	}
	head := []string{"bind 127.0.0.1", port + " " + portOf(s.Addr), "dir " + quote(s.folder)}
	return os.WriteFile(s.configuration(), []byte(strings.Join(append(head, lines...), "\n")+"\n"), 0o600)
}

func (s *Server) configuration() string { return filepath.Join(s.folder, "redis.conf") }

// start starts the process, and waits until it is ready.
func (s *Server) start() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("%s (%w)", missing, err)
	}
	s.log = newLog(s.role.ready)
	s.process = exec.Command(path, append([]string{s.configuration()}, s.role.arguments...)...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.SysProcAttr = endWithParent()
	if err := s.process.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		_ = process.Wait() // it says how it ended in its log
		close(ended)
	}(s.process, s.ended)
	limit, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	select {
	case <-s.log.ready:
		return nil
	case <-s.ended:
		return fmt.Errorf("redis-server ended:\n%s", s.log)
	case <-limit.Done():
		return fmt.Errorf("redis-server is not ready after %s:\n%s", startTime, s.log)
	}
}

// close ends the process, whatever it does, and removes its folder.
func (s *Server) close() {
	if s.process != nil {
		_ = s.process.Process.Kill() // it may have ended
		<-s.ended
	}
	_ = os.RemoveAll(s.folder)
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	<-s.ended
}

// Pause stops the server from doing anything, while its connections stay. Resume lets it go on.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, pausing)
}

// Resume ends a pause.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	s.signal(t, resuming)
}

func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Errorf("%s to the server %s: %v", signal, s.Addr, err)
	}
}

// Restart starts the server again with the same address and folder. Where it still runs, it is told to end first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if s.runs() {
		s.signal(t, syscall.SIGTERM)
		<-s.ended
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// runs tells whether the process has not ended.
func (s *Server) runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// URL is that of the server, as a store takes it.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", User: s.options.userinfo(), Host: s.Addr}
	if s.options.TLS {
		u.Scheme = "rediss"
	}
	return u.String()
}

// Place is the URL of a place in the server that nobody else uses.
func (s *Server) Place() string { return s.URL() + "?prefix=" + newPrefix() }

// Client is a client of the server, for looking at it by hand. It ends with the test.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	if o.TLSConfig != nil {
		if o.TLSConfig.RootCAs, err = trusted(); err != nil {
			t.Fatal(err)
		}
	}
	logging.Disable() // for go-redis prints each failed attempt
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (o Options) userinfo() *url.Userinfo {
	if o.Password == "" {
		return nil
	}
	return url.UserPassword(o.User, o.Password)
}

// prefixes counts what newPrefix has returned.
var prefixes atomic.Int64

// newPrefix returns a prefix for keys that nobody else uses: servers live no longer than the process.
func newPrefix() string { return fmt.Sprintf("place%d", prefixes.Add(1)) }

// quote makes one word of a configuration file.
func quote(word string) string { return fmt.Sprintf("%q", word) }
