package gateway

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// nowhere is an address that nobody listens on: reserved, and never bound here.
const nowhere = "127.0.0.1:1"

func config(listen string) Config {
	return Config{Listen: listen, Plansvc: nowhere, Payoutsvc: nowhere, ShutdownTimeout: shutdownTime, Log: slog.New(slog.DiscardHandler)}
}

// A gateway needs no service to start, says that it lives, and ends with nil.
func TestRun_WithoutServices(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	listening := make(chan net.Addr, 1)
	c := config("127.0.0.1:0")
	c.OnListen = func(address net.Addr) { listening <- address }
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	var address net.Addr
	select {
	case address = <-listening:
	case err := <-ended:
		t.Fatalf("Run ended with %v before it listened", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address.String()+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "alive") {
		t.Errorf("/healthz: HTTP status %d, %v, %s, want 200", response.StatusCode, err, body)
	}
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v, want nil", err)
	}
	if took := time.Since(began); took > shutdownTime {
		t.Errorf("it took %s to stop with nothing in flight", took)
	}
	if connection, err := net.Dial("tcp", address.String()); err == nil {
		connection.Close()
		t.Errorf("%s is still listened on", address)
	}
}

// An address that can't be had is one clear line.
func TestRun_CannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ name, address, why string }{
		{"in use", taken.Addr().String(), "address already in use"},
		{"no port", "127.0.0.1", "missing port"},
		{"no such port", "127.0.0.1:http-alt-alt", "unknown port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Run(t.Context(), config(test.address))
			if err == nil {
				t.Fatal("Run ended with nil")
			}
			text := err.Error()
			if !strings.HasPrefix(text, "gateway: can't listen on "+test.address+": ") || !strings.Contains(text, test.why) || strings.Contains(text, "\n") {
				t.Errorf("Run ended with %q, want one line with the address and %q", text, test.why)
			}
		})
	}
}

func TestRun_NoAddressOfAService(t *testing.T) {
	c := config("127.0.0.1:0")
	c.Payoutsvc, c.AllowPlaintext = "\x7f", true
	err := Run(t.Context(), c)
	if err == nil || !strings.HasPrefix(err.Error(), `gateway: payoutsvc at "\x7f": `) {
		t.Errorf("Run ended with %v, want an error that names the service and its address", err)
	}
}

// What a body is called changes nothing, and is told to nobody: see untyped.
func TestContentTypeIsNotAskedFor(t *testing.T) {
	for _, kind := range []string{"application/json", ";;;", "", "application/x-www-form-urlencoded"} {
		given := httptest.NewRequest(http.MethodPost, "/v1/nothing", http.NoBody)
		given.Header.Set("Content-Type", kind)
		if got, ok := untyped(given).Header["Content-Type"]; ok {
			t.Errorf("%q is passed on as %q", kind, got)
		}
		if given.Header.Get("Content-Type") != kind {
			t.Errorf("%q is taken from the request itself, which is its server's", kind)
		}
	}
}
