package auth

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A certificate stands for its owner, and not for those in whose name it calls. Whom it calls for is believed of a gateway's alone.
func TestCertificateOfAGateway(t *testing.T) {
	g, err := Settings{ClientRoles: map[string]string{"gateway.example": "AUDITOR+GATEWAY", "erp.example": "EARNINGS_WRITER"}}.Guard(slog.New(slog.DiscardHandler), OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	const direct, behind = "192.0.2.1", "192.0.2.2"
	for name, want := range map[string]string{"gateway.example": behind, "erp.example": direct, "nobody.example": direct} {
		chains := [][]*x509.Certificate{{{DNSNames: []string{name}}}}
		ctx := peer.NewContext(t.Context(), &peer.Peer{
			Addr: &net.TCPAddr{IP: net.ParseIP(direct)}, AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: chains}},
		})
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("x-forwarded-for", "203.0.113.9, "+behind))
		tapped, err := g.Tap(ctx, "/service/method")
		if got := Source(tapped); got != want || fault.ReasonOf(err) != "UNAUTHENTICATED" {
			t.Errorf("a call by %s comes from %s, want %s; %v", name, got, want, err)
		}
	}
	chains := [][]*x509.Certificate{{{DNSNames: []string{"gateway.example"}}}}
	ctx := peer.NewContext(t.Context(), &peer.Peer{
		Addr: &net.TCPAddr{IP: net.ParseIP("192.0.2.1")}, AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: chains}},
	})
	if who, err := g.identify(ctx, true); err != nil || who.ID != "gateway.example" {
		t.Errorf("by itself: %+v, %v", who, err)
	}
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("x-forwarded-for", "192.0.2.2"))
	if who, err := g.identify(ctx, true); fault.ReasonOf(err) != "UNAUTHENTICATED" {
		t.Errorf("for somebody: %+v, %v", who, err)
	}
}

// Only what is named a service by its certificate is not limited, and has its roles all the same.
func TestCertificateOfAService(t *testing.T) {
	g, err := Settings{ClientRoles: map[string]string{"payoutsvc.example": "AUDITOR+SERVICE", "erp.example": "AUDITOR"}}.Guard(slog.New(slog.DiscardHandler), OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"payoutsvc.example": "", "erp.example": "certificate:erp.example"} {
		chains := [][]*x509.Certificate{{{DNSNames: []string{name}}}}
		ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: chains}}})
		who, err := g.identify(ctx, true)
		if err != nil || who.Key() != want || len(who.Roles) != 1 || who.Actor() != "certificate:"+name {
			t.Errorf("%s: %+v, %v; it counts as %q, want %q", name, who, err, who.Key(), want)
		}
	}
}

// Without identities, this machine is the caller: not what comes through its gateway from another one, nor a page whose name leads here.
func TestLocalPrincipal(t *testing.T) {
	for _, test := range []struct {
		name, value string
		known       bool
	}{
		{"x-forwarded-for", "127.0.0.1", true},
		{"x-forwarded-for", "::1", true},
		{"x-forwarded-for", "192.0.2.1", false},
		{"x-forwarded-for", "192.0.2.1, 127.0.0.1", false},
		{"x-forwarded-for", "nonsense", false},
		{"x-forwarded-host", "localhost:8080", true},
		{"x-forwarded-host", "LocalHost:8080", true},
		{"x-forwarded-host", "localhost.:8080", true},
		{"x-forwarded-host", "incentives.localhost:8080", true},
		{"x-forwarded-host", "Incentives.Localhost.", true},
		{"x-forwarded-host", "evil-localhost:8080", false},
		{"x-forwarded-host", "localhost..", false},
		{"x-forwarded-host", ".localhost", false},
		{"x-forwarded-host", "", false},
		{"x-forwarded-host", "127.0.0.1", true},
		{"x-forwarded-host", "[::1]:8080", true},
		{"x-forwarded-host", "evil.example:8080", false},
		{"x-forwarded-host", "localhost.evil.example", false},
	} {
		_, err := identifyLocal(metadata.NewIncomingContext(t.Context(), metadata.Pairs(test.name, test.value)))
		if (err == nil) != test.known {
			t.Errorf("%s: %s: %v", test.name, test.value, err)
		}
	}
}
