package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// asProgram makes the test binary be the program.
const asProgram = "INCENTIVES_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience is how long anything may take before a test gives it up.
const patience = 30 * time.Second

// A process is the program with a command line.
type process struct {
	*testing.T
	cmd      *exec.Cmd
	lines    chan string // of standard output
	out, err bytes.Buffer
}

// start starts the program.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := &process{T: t, cmd: exec.CommandContext(ctx, os.Args[0], args...), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.out.WriteString(lines.Text() + "\n")
			p.lines <- lines.Text()
		}
	}()
	return p
}

// await returns the first line of standard output that matches.
func (p *process) await(pattern string) string {
	p.Helper()
	wanted := regexp.MustCompile(pattern)
	for line := range p.lines {
		if wanted.MatchString(line) {
			return line
		}
	}
	_ = p.cmd.Wait()
	p.Fatalf("%v ended before it printed %q:\n%s%s", p.cmd.Args[1:], pattern, p.out.String(), p.err.String())
	return ""
}

// end waits until the process has ended, and checks its exit status.
func (p *process) end(want int) (out, err string) {
	p.Helper()
	for range p.lines { // read to the end, as Wait wants it
		continue
	}
	_ = p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.Errorf("%v: exit status %d (%s), want %d\n%s%s", p.cmd.Args[1:], got, p.cmd.ProcessState, want, p.out.String(), p.err.String())
	}
	return p.out.String(), p.err.String()
}

func (p *process) signal(signal os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.Fatal(err)
	}
}

// anyPorts has serve listen where it is free.
func anyPorts(data string, more ...string) []string {
	const anyPort = "127.0.0.1:0"
	return append([]string{"serve", "--data", data, "--listen", anyPort, "--plansvc", anyPort, "--payoutsvc", anyPort, "--log-level", "warn"}, more...)
}

// TestHelp holds every command's help to what a stranger needs: a sentence, an example, and a sentence for each flag.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("incentives"), kong.DefaultEnvars("INCENTIVES"))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 15 {
		t.Errorf("%d commands, want 15 or more", len(leaves))
	}
	for _, command := range leaves {
		path := command.FullPath()
		if !strings.HasSuffix(command.Help, ".") {
			t.Errorf("%s: help %q is no sentence", path, command.Help)
		}
		if !strings.Contains(command.Detail, "\n    "+path) { // at the very beginning it would lose its indentation
			t.Errorf("%s: the help has no example", path)
		}
		for _, flag := range command.Flags {
			if flag.Help == "" {
				t.Errorf("%s --%s has no help", path, flag.Name)
			}
			if flag.Name == "client-roles" && flag.Hidden != (command.Name == "serve") {
				t.Errorf("%s --client-roles is hidden: %t; serve alone refuses it", path, flag.Hidden)
			}
		}
		for _, arg := range command.Positional {
			if arg.Help == "" {
				t.Errorf("%s <%s> has no help", path, arg.Name)
			}
		}
	}
}

func TestSettingsAreTheSameWordsEverywhere(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.DefaultEnvars("INCENTIVES"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, command := range parser.Model.Leaves(true) {
		var settings []string
		for _, flag := range command.Flags {
			settings = append(settings, flag.Envs...)
		}
		got[command.Path()] = strings.Join(settings, " ")
	}
	const (
		caller = " INCENTIVES_TOKEN_FILE INCENTIVES_TLS_CERT INCENTIVES_TLS_KEY INCENTIVES_TLS_CA"
		tls    = " INCENTIVES_TLS_CERT INCENTIVES_TLS_KEY INCENTIVES_TLS_CA INCENTIVES_ALLOW_PLAINTEXT"
		access = " INCENTIVES_OIDC_ISSUER INCENTIVES_OIDC_AUDIENCE INCENTIVES_OIDC_ROLES_CLAIM INCENTIVES_OIDC_PARTNERS_CLAIM INCENTIVES_CLIENT_ROLES INCENTIVES_RATE_LIMIT"
		client = "INCENTIVES_PAYOUTSVC INCENTIVES_TIMEOUT" + caller
	)
	want := map[string]string{
		"demo":      "",
		"serve":     "INCENTIVES_LISTEN INCENTIVES_PLANSVC INCENTIVES_PAYOUTSVC INCENTIVES_DATA INCENTIVES_STORE INCENTIVES_SHUTDOWN_TIMEOUT INCENTIVES_STREAMS INCENTIVES_STREAM_COUNT INCENTIVES_ALLOW_ORIGIN" + tls + access + " INCENTIVES_AT INCENTIVES_LOG_LEVEL",
		"plansvc":   "INCENTIVES_LISTEN INCENTIVES_STORE INCENTIVES_SHUTDOWN_TIMEOUT" + tls + access + " INCENTIVES_AT INCENTIVES_LOG_LEVEL",
		"payoutsvc": "INCENTIVES_LISTEN INCENTIVES_STORE INCENTIVES_PLANSVC INCENTIVES_SHUTDOWN_TIMEOUT" + tls + access + " INCENTIVES_STREAMS INCENTIVES_STREAM_COUNT INCENTIVES_AT INCENTIVES_LOG_LEVEL",
		"gateway":   "INCENTIVES_LISTEN INCENTIVES_PLANSVC INCENTIVES_PAYOUTSVC INCENTIVES_SHUTDOWN_TIMEOUT INCENTIVES_ALLOW_ORIGIN" + tls + " INCENTIVES_LOG_LEVEL",

		"earnings import": client, "statement": client,
		"payouts preview": client, "payouts run": client, "payouts list": client,
		"payouts confirm": client, "payouts fail": client, "payouts retry": client,
		"earnings dead list": "INCENTIVES_STREAMS", "earnings dead retry": "INCENTIVES_STREAMS", "store copy": "",
		"bench plans": "", "bench ingest": "INCENTIVES_PAYOUTSVC" + caller, "bench run": "INCENTIVES_PAYOUTSVC" + caller, "bench empty": "",
		"bench api":  "INCENTIVES_PLANSVC INCENTIVES_PAYOUTSVC" + caller,
		"plans list": "INCENTIVES_PLANSVC INCENTIVES_TIMEOUT" + caller, "plans show": "INCENTIVES_PLANSVC INCENTIVES_TIMEOUT" + caller,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment variables (-want +got):\n%s", diff)
	}
}

func TestServeEndsInPeace(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			p := start(t, anyPorts(t.TempDir())...)
			for _, pattern := range []string{`^plansvc +127\.0\.0\.1:\d+$`, `^payoutsvc +127\.0\.0\.1:\d+$`, `^gateway +http://127\.0\.0\.1:\d+$`, `^ready$`} {
				p.await(pattern)
			}
			p.signal(signal)
			if _, err := p.end(0); err != "" {
				t.Errorf("standard error:\n%s\nwant nothing", err)
			}
		})
	}
}

func TestServeEndsAtOnceWithASecondSignal(t *testing.T) {
	p := start(t, anyPorts(t.TempDir(), "--shutdown-timeout", "10m")...)
	gateway := strings.TrimPrefix(strings.Fields(p.await("^gateway"))[1], "http://")
	p.await("^ready")
	// A request that never ends keeps the gateway from ending.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", gateway)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST /v1/earnings:batchRecord HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // 100 Continue: the request is in flight
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // again and again: until the first has arrived, another one is none
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-tick.C:
				_ = p.cmd.Process.Signal(syscall.SIGTERM)
			case <-ended:
				return
			}
		}
	}()
	p.end(-1)
	close(ended)
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended by %s, want by the signal", p.cmd.ProcessState)
	}
}

func TestServeSaysWhyItCannotStart(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held := t.TempDir()
	holder := start(t, anyPorts(held)...)
	holder.await("^ready")
	tests := []struct {
		name string
		args []string
		want string // in the one line
	}{
		{"gateway's port in use", anyPorts(t.TempDir(), "--listen", port), port},
		{"plansvc's port in use", anyPorts(t.TempDir(), "--plansvc", port), port},
		{"payoutsvc's port in use", anyPorts(t.TempDir(), "--payoutsvc", port), port},
		{"data folder is a file", anyPorts(file), file},
		{"data folder of another process", anyPorts(held), held},
		{"data folder in a file", anyPorts(filepath.Join(file, "data")), file},
		{"another time off loopback", anyPorts(t.TempDir(), "--at", "2026-05-15T00:00:00Z", "--listen", "0.0.0.0:0"), "refused off loopback"},
		{"another time off loopback, for plansvc", anyPorts(t.TempDir(), "--at", "2026-05-15T00:00:00Z", "--plansvc", "0.0.0.0:0"), "refused off loopback"},
		{"another time under a name", anyPorts(t.TempDir(), "--at", "2026-05-15T00:00:00Z", "--payoutsvc", "example.com:0"), "refused off loopback"},
		{"no port", anyPorts(t.TempDir(), "--listen", "127.0.0.1"), "127.0.0.1"},
		{"one service: port in use", []string{"plansvc", "--listen", port, "--store", "pebble:" + t.TempDir()}, port},
		{"one service: unknown store", []string{"payoutsvc", "--listen", "127.0.0.1:0", "--store", "paper:" + t.TempDir()}, "paper"},
		{"one service: another time off loopback", []string{"plansvc", "--at", "2026-05-15T00:00:00Z", "--listen", ":0"}, "refused off loopback"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := start(t, test.args...).end(1)
			if strings.Count(err, "\n") != 1 || !strings.HasPrefix(err, "incentives: ") || !strings.Contains(err, test.want) {
				t.Errorf("standard error:\n%s\nwant one line with %q", err, test.want)
			}
			if strings.Contains(out, "ready") {
				t.Errorf("it says that it is ready:\n%s", out)
			}
		})
	}
	holder.signal(syscall.SIGTERM)
	holder.end(0)
}

func TestServeRefusesMalformedSettings(t *testing.T) {
	for _, test := range []struct{ name, flag, value, want string }{
		{"a time", "--at", "tomorrow", `--at: "tomorrow" is not a time with its zone, such as 2026-05-15T09:00:00-07:00`},
		{"a time without a zone", "--at", "2026-05-15T09:00:00", `--at: "2026-05-15T09:00:00" is not a time with its zone, such as 2026-05-15T09:00:00-07:00`},
		{"a level", "--log-level", "loud", `--log-level: "loud" is not debug, info, warn or error`},
		{"a length of time", "--shutdown-timeout", "5", `--shutdown-timeout: "5" is not a length of time such as 10s or 2m`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := start(t, anyPorts(t.TempDir(), test.flag, test.value)...).end(1)
			want := "incentives: " + test.want + "\nRun \"incentives serve --help\" to see how it is used.\n"
			if err != want {
				t.Errorf("standard error:\n%s\nwant\n%s", err, want)
			}
		})
	}
}

// TestServeTakesSettingsFromTheEnvironment gives every setting there, and no flag.
func TestServeTakesSettingsFromTheEnvironment(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	t.Setenv("INCENTIVES_DATA", data)
	t.Setenv("INCENTIVES_LISTEN", "127.0.0.1:0")
	t.Setenv("INCENTIVES_PLANSVC", "127.0.0.1:0")
	t.Setenv("INCENTIVES_PAYOUTSVC", "127.0.0.1:0")
	t.Setenv("INCENTIVES_SHUTDOWN_TIMEOUT", "5s")
	t.Setenv("INCENTIVES_AT", "2020-01-01T00:00:00Z")
	t.Setenv("INCENTIVES_LOG_LEVEL", "error")
	p := start(t, "serve")
	// Not the ports of the flags, which have four digits.
	for _, pattern := range []string{`^plansvc .*:\d{5}$`, `^payoutsvc .*:\d{5}$`, `^gateway .*:\d{5}$`, `^ready$`} {
		p.await(pattern)
	}
	p.signal(syscall.SIGTERM)
	if _, err := p.end(0); err != "" {
		t.Errorf("standard error:\n%s\nwant nothing, since nothing was an error", err)
	}
	if _, err := os.Stat(filepath.Join(data, "plansvc")); err != nil {
		t.Errorf("the data is not where it was said: %v", err)
	}
	t.Setenv("INCENTIVES_PAYOUTSVC", "0.0.0.0:0")
	if _, err := start(t, "serve").end(1); !strings.Contains(err, "--at is for development, and refused off loopback: 0.0.0.0:0") {
		t.Errorf("standard error:\n%s\nwant that another time is refused off loopback", err)
	}
}

// TestServicesStartInAnyOrder starts each as a process of its own, those that need others first.
func TestServicesStartInAnyOrder(t *testing.T) {
	free := func() string {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	plansvc, payoutsvc, at := free(), free(), "2026-05-15T09:00:00-07:00"
	gateway := start(t, "gateway", "--listen", "127.0.0.1:0", "--plansvc", plansvc, "--payoutsvc", payoutsvc)
	url := strings.Fields(gateway.await("^gateway"))[1]
	if status := get(t, url+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("without services /readyz answers %d, want 503", status)
	}
	payouts := start(t, "payoutsvc", "--listen", payoutsvc, "--plansvc", plansvc, "--store", "pebble:"+t.TempDir(), "--at", at)
	payouts.await("^payoutsvc")
	plans := start(t, "plansvc", "--listen", plansvc, "--store", "pebble:"+t.TempDir(), "--at", at)
	plans.await("^plansvc")
	for tick := time.NewTicker(20 * time.Millisecond); get(t, url+"/readyz") != http.StatusOK; {
		<-tick.C
	}
	for _, p := range []*process{plans, gateway, payouts} { // and end in any
		p.signal(syscall.SIGTERM)
		p.end(0)
	}
}

// get returns the status that a URL answers.
func get(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
