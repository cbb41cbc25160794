package rpc_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/test/bufconn"

	"github.com/incentives-dev/incentives/internal/rpc"
)

// reach starts a server, and returns a way to connect to it that says what a test says.
func reach(t *testing.T, config *tls.Config) (*running, func() net.Conn) {
	t.Helper()
	var listener *bufconn.Listener
	server := start(t, echoing(), func(s *rpc.Server) {
		s.TLS = config
		listener, _ = s.Listener.(*bufconn.Listener) // as the fixture has it
	})
	return server, func() net.Conn {
		conn, err := listener.DialContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

// wantLine waits for a line in the log, which has to be there once, though it has been earned twice.
func (r *running) wantLine(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); len(r.log.Lines(words)) == 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in the log:\n%s", words, strings.Join(r.log.Lines(""), ""))
		}
	}
	if lines := r.log.Lines(words); len(lines) != 1 {
		t.Errorf("logged %q, want it once", lines)
	}
}

// What gRPC refuses by itself is in the log, once a minute.
func TestWitness_Requests(t *testing.T) {
	usual := map[string]string{
		":method": "POST", ":scheme": "http", ":path": callMethod, ":authority": "localhost", "te": "trailers", "content-type": "application/grpc",
	}
	table := func(bytes uint32) []http2.Setting {
		return []http2.Setting{{ID: http2.SettingHeaderTableSize, Val: bytes}}
	}
	for name, test := range map[string]struct {
		header, value, want string
		settings            []http2.Setting
	}{
		"a header that is too large":        {"x", strings.Repeat("x", 25<<10), "reason=REQUEST_UNREADABLE cause=FRAMES_MALFORMED", nil},
		"headers that are too large":        {"x", strings.Repeat("x", 24<<10-100), "reason=HEADERS_TOO_LARGE", nil},
		"a malformed timeout":               {"grpc-timeout", "soon", "reason=REQUEST_UNREADABLE cause=HEADERS_MALFORMED", nil},
		"a malformed binary header":         {"x-bin", "%", "reason=REQUEST_UNREADABLE cause=HEADERS_MALFORMED", nil},
		"JSON over HTTP/2":                  {"content-type", "application/json", "reason=REQUEST_UNREADABLE cause=NO_GRPC", nil},
		"another method":                    {":method", "GET", "reason=REQUEST_UNREADABLE cause=NO_GRPC", nil},
		"another method, and no table":      {":method", "GET", "reason=REQUEST_UNREADABLE cause=NO_GRPC", table(0)},
		"another method, and a small table": {":method", "GET", "reason=REQUEST_UNREADABLE cause=NO_GRPC", table(100)},
		"a malformed timeout, and no table": {"grpc-timeout", "soon", "reason=REQUEST_UNREADABLE cause=HEADERS_MALFORMED", table(0)},
	} {
		t.Run(name, func(t *testing.T) {
			server, connect := reach(t, nil)
			conn := connect()
			var sent, block bytes.Buffer
			encoder := hpack.NewEncoder(&block)
			framer := http2.NewFramer(&sent, nil)
			go func() { _, _ = io.Copy(io.Discard, conn) }() // its answers have no bearing
			sent.WriteString(http2.ClientPreface)
			if err := framer.WriteSettings(test.settings...); err != nil {
				t.Fatal(err)
			}
			for stream := uint32(1); stream <= 3; stream += 2 {
				block.Reset()
				fields := maps.Clone(usual)
				fields[test.header] = test.value
				for _, name := range []string{":method", ":scheme", ":path", ":authority", "te", "content-type", "grpc-timeout", "x", "x-bin"} {
					if value, ok := fields[name]; ok {
						_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory
					}
				}
				rest := block.Bytes()
				first := rest[:min(len(rest), 16<<10)]
				rest = rest[len(first):]
				if err := framer.WriteHeaders(http2.HeadersFrameParam{
					StreamID: stream, BlockFragment: first, EndStream: true, EndHeaders: len(rest) == 0,
				}); err != nil {
					t.Fatal(err)
				}
				if len(rest) > 0 {
					if err := framer.WriteContinuation(stream, true, rest); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, _ = sent.WriteTo(conn) // the server may hang up before the second request
			server.wantLine(t, "call=connect "+test.want)
			if err := server.call(t.Context(), nil); err != nil {
				t.Errorf("a call of somebody else: %v", err)
			}
		})
	}
}

func TestWitness_Connections(t *testing.T) {
	authority, server := certificate(t, "server"), certificate(t, "server")
	pool := x509.NewCertPool()
	pool.AddCert(authority.Leaf)
	config := &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, NextProtos: []string{"h2"}}
	greet := func(t *testing.T, conn net.Conn, greeting string) {
		t.Helper()
		if _, err := io.WriteString(conn, greeting); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, conn) // until it is closed
	}
	secured := func(conn net.Conn, own tls.Certificate, trusted bool) error {
		roots := x509.NewCertPool()
		if trusted {
			roots.AddCert(server.Leaf)
		}
		client := tls.Client(conn, &tls.Config{
			RootCAs: roots, ServerName: "server", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
		})
		_, err := client.Read(make([]byte, 100)) // in TLS 1.3, the server decides after the client has
		return err
	}
	for name, test := range map[string]struct {
		config *tls.Config
		do     func(t *testing.T, conn net.Conn)
		want   string
	}{
		"HTTP/1.1": {nil, func(t *testing.T, conn net.Conn) {
			greet(t, conn, "POST /v1/programs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
		}, "reason=REQUEST_UNREADABLE cause=NO_HTTP2"},
		"JSON":       {nil, func(t *testing.T, conn net.Conn) { greet(t, conn, `{"displayName": "Azure", "hasPlans": true}`) }, "reason=REQUEST_UNREADABLE cause=NO_HTTP2"},
		"plain text": {config, func(t *testing.T, conn net.Conn) { greet(t, conn, http2.ClientPreface) }, "reason=TLS_HANDSHAKE_FAILED cause=NO_TLS"},
		"a certificate of another CA": {config, func(t *testing.T, conn net.Conn) {
			if err := secured(conn, certificate(t, "client"), true); err == nil {
				t.Error("it is taken")
			}
		}, "reason=TLS_HANDSHAKE_FAILED cause=CERTIFICATE_NOT_TRUSTED"},
		"a client that does not trust the server": {config, func(t *testing.T, conn net.Conn) {
			if err := secured(conn, tls.Certificate{}, false); err == nil {
				t.Error("it is taken")
			}
		}, "reason=TLS_HANDSHAKE_FAILED cause=CLIENT_REFUSED"},
	} {
		t.Run(name, func(t *testing.T) {
			server, connect := reach(t, test.config)
			for range 2 {
				test.do(t, connect())
			}
			server.wantLine(t, "call=connect "+test.want)
		})
	}
}

// certificate makes one that is signed by itself.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
