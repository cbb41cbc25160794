package auth

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/peer"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
)

// Source returns the address that a call comes from, without its port, for limits and the log. Of a call through a gateway it is
// the one that the gateway was called from: that is believed of what is on this machine, or has a gateway's certificate.
func Source(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "unknown"
	}
	direct := AddressOf(p.Addr.String())
	ip, err := netip.ParseAddr(direct)
	if (err != nil || !ip.IsLoopback()) && ctx.Value(gatewayKey{}) == nil {
		return direct
	}
	addresses := forwarded(ctx)
	if len(addresses) == 0 {
		return direct
	}
	// A gateway adds whom it was called by behind what it was told.
	last := addresses[len(addresses)-1]
	ip, err = netip.ParseAddr(strings.TrimSpace(last[strings.LastIndex(last, ",")+1:]))
	if err != nil {
		return direct
	}
	return sourceOf(ip)
}

type gatewayKey struct{}

// through is the context of a call that knows whether it comes through a gateway, which says for whom. Others might say that they are
// somebody else, for whom they would be limited, and be in the log.
func (g *Guard) through(ctx context.Context) context.Context {
	certificate := certificateOf(ctx)
	if certificate == nil || !slices.ContainsFunc(namesOf(certificate), func(name string) bool { return g.gateways[name] }) {
		return ctx
	}
	return context.WithValue(ctx, gatewayKey{}, true)
}

// AddressOf is the address in host:port.
func AddressOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "unknown"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	return sourceOf(ip)
}

// sourceOf is an address as one source: in IPv6, one caller has all of the last 64 bits.
func sourceOf(ip netip.Addr) string {
	if ip = ip.Unmap().WithZone(""); ip.Is6() && !ip.IsLoopback() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}

// How many forged tokens one address may send: ones that name a key of the issuer's but are not signed by it. Checking one costs more than
// sending it.
const (
	badTokens     = 20 // a second, for long
	badTokenBurst = 100
	mostSources   = 10_000 // that are remembered
)

// forgeries count the tokens that were forged, by where they came from.
type forgeries struct {
	clock   clock.Clock
	sources *lru.Cache[string, *rate.Limiter]
}

func newForgeries(c clock.Clock) *forgeries {
	sources, err := lru.New[string, *rate.Limiter](mostSources)
	if err != nil {
		panic(err) //nolint:forbidigo // the size is a constant above 0
	}
	return &forgeries{clock: c, sources: sources}
}

// check is RESOURCE_EXHAUSTED for a source that has sent too many bad tokens. A token that was verified before is not held to it.
func (s *forgeries) check(source string) error {
	l, ok := s.sources.Get(source)
	if !ok || l.TokensAt(s.clock()) >= 1 {
		return nil
	}
	e := fault.New(fault.Limit, "TOO_MANY_BAD_TOKENS", "too many tokens from this address were forged: try again later")
	e.RetryAfter = time.Second
	return e
}

// note counts a bad token.
func (s *forgeries) note(source string) {
	l, ok := s.sources.Get(source)
	if !ok {
		l = rate.NewLimiter(badTokens, badTokenBurst)
		s.sources.Add(source, l)
	}
	l.AllowN(s.clock(), 1)
}
