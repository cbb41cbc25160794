package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/metadata"

	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

var errUndecided = errors.New("the issuer of tokens has to be asked")

// identify says who makes a call; UNAUTHENTICATED where that is not known. Where it may not wait, it is errUndecided if the issuer of
// tokens would have to be asked.
func (g *Guard) identify(ctx context.Context, mayWait bool) (Principal, error) {
	if g.local {
		return identifyLocal(ctx)
	}
	token, err := bearer(ctx)
	switch {
	case err != nil:
		return Principal{}, err
	case token != "" && g.internal != "" && subtle.ConstantTimeCompare([]byte(token), []byte(g.internal)) == 1:
		return Principal{ID: internalID, Roles: []authv1.Role{authv1.Role_AUDITOR}, Internal: true}, nil
	case token != "" && g.tokens != nil: // decides alone, whatever certificate there is
		return g.tokens.principal(ctx, token, mayWait)
	case token != "":
		return Principal{}, unknown()
	}
	if certificate := certificateOf(ctx); certificate != nil && len(forwarded(ctx)) == 0 {
		if who, ok := holder(certificate, g.roles); ok {
			who.Service = g.services[who.ID]
			return who, nil
		}
	}
	return Principal{}, unknown()
}

// identifyLocal takes everybody on this machine for the local principal. A call that the gateway of this machine passes on from
// another one is not from this machine. Nor is that of a page whose site has had its name lead to this machine, which a browser then
// takes for that site: the name that was asked for is its own.
func identifyLocal(ctx context.Context) (Principal, error) {
	for _, addresses := range forwarded(ctx) {
		for address := range strings.SplitSeq(addresses, ",") {
			if ip, err := netip.ParseAddr(strings.TrimSpace(address)); err != nil || !ip.Unmap().IsLoopback() {
				return Principal{}, unknown()
			}
		}
	}
	for _, host := range metadata.ValueFromIncomingContext(ctx, "x-forwarded-host") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !OnLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "0")) && !belowLocalhost(host) {
			return Principal{}, unknown()
		}
	}
	return local(), nil
}

// belowLocalhost tells whether a browser takes a name for one of its own machine, and asks nobody where it leads (RFC 6761). Go's
// resolver does ask, so that such a name is not one to listen on, or to send a token to.
func belowLocalhost(name string) bool {
	label, ok := strings.CutSuffix(bare(name), "."+localhost)
	return ok && label != ""
}

// forwarded says for whom a gateway makes a call; none where the caller makes it itself. A gateway's certificate is not that of its
// callers: everybody who reaches the gateway would be the gateway.
func forwarded(ctx context.Context) []string {
	return metadata.ValueFromIncomingContext(ctx, "x-forwarded-for") // which, unlike all of the headers, needs no copy of them
}
