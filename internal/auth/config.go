package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/clock"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

// Tokens are the settings of which tokens are accepted, and what is read from them.
type Tokens struct {
	OIDCIssuer        string `name:"oidc-issuer" placeholder:"URL" help:"Issuer of callers' tokens (OpenID Connect)."`
	OIDCAudience      string `name:"oidc-audience" placeholder:"NAME" help:"Audience that a token must be for; needed with an issuer."`
	OIDCRolesClaim    string `name:"oidc-roles-claim" placeholder:"CLAIM" default:"roles" help:"Claim that lists roles (default ${default})."`
	OIDCPartnersClaim string `name:"oidc-partners-claim" placeholder:"CLAIM" default:"mpn_ids" help:"Claim that lists MPN IDs (default ${default})."`
}

// Settings are who may call a service.
type Settings struct {
	Tokens

	ClientRoles map[string]string `name:"client-roles" placeholder:"SAN=ROLE" mapsep:"," help:"Roles by certificate: a.example.com=AUDITOR, GATEWAY, SERVICE."`

	// Clock tells whether a token has expired; the machine's where it is nil.
	Clock clock.Clock `kong:"-"`
	// Internal, where it is not empty, is a token that another part of the same process calls with, as an auditor.
	Internal string `kong:"-"`
}

// Check returns what is wrong with the settings for a service that listens on an address, in one line.
func (c Settings) Check(address string) error {
	if c.OIDCIssuer != "" && c.OIDCAudience == "" {
		return errors.New("--oidc-issuer needs --oidc-audience: a token for another service must not be taken for one for this")
	}
	if c.OIDCIssuer == "" && c.OIDCAudience != "" {
		return errors.New("--oidc-audience is of no use without --oidc-issuer")
	}
	if c.OIDCIssuer != "" {
		if err := checkIssuer(c.OIDCIssuer); err != nil {
			return fmt.Errorf("--oidc-issuer: %w", err)
		}
	}
	if _, err := c.clientRoles(); err != nil {
		return err
	}
	if c.closed() || !Exposed(address) {
		return nil
	}
	return fmt.Errorf("%s is not on loopback, and without --oidc-issuer or --client-roles whoever reaches it may do anything", address)
}

// checkIssuer returns what is wrong with a URL whose answers decide who is who: on the way, nobody may change them.
func checkIssuer(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("it is not the URL of an issuer, such as https://login.example.com") // nor is it named: a password may be in it
	case u.User != nil:
		return fmt.Errorf("the URL of an issuer has no user and no password, and that of %q has", u.Host)
	case u.Scheme == "http" && !OnLoopback(net.JoinHostPort(u.Hostname(), "0")):
		return fmt.Errorf("%q is not on loopback, and has to begin with https", address)
	}
	return nil
}

// closed tells whether callers have to be known.
func (c Settings) closed() bool { return c.OIDCIssuer != "" || len(c.ClientRoles) > 0 }

// Describe says in one line who may call, for a service that starts.
func (c Settings) Describe() string {
	var who []string
	if c.OIDCIssuer != "" {
		who = append(who, "with tokens of "+c.OIDCIssuer+" for "+c.OIDCAudience)
	}
	if len(c.ClientRoles) > 0 {
		who = append(who, "with certificates of "+strings.Join(slices.Sorted(maps.Keys(c.ClientRoles)), ", "))
	}
	if len(who) == 0 {
		return "everybody on this machine, as the one local principal that may do anything"
	}
	return "callers " + strings.Join(who, ", and ")
}

// OnLoopback tells whether an address can be reached from this machine alone.
func OnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return bare(host) == localhost || err == nil && ip.IsLoopback()
}

const localhost = "localhost"

// bare is a name as it is compared: names are the same in capitals, and with a dot at their end.
func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Exposed tells whether what listens on an address can be reached from other machines. Nothing can listen on what is no address.
func Exposed(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil && !OnLoopback(address)
}

// Words in ClientRoles that are no roles.
const (
	gatewayRole = "GATEWAY" // what calls for others, and is believed about whom
	serviceRole = "SERVICE" // a service that calls for others, whom it limits itself
)

// A certified is what ClientRoles say of certificates, by the names in these.
type certified struct {
	roles              map[string][]authv1.Role
	gateways, services map[string]bool
}

// clientRoles reads ClientRoles.
func (c Settings) clientRoles() (certified, error) {
	all := certified{roles: map[string][]authv1.Role{}, gateways: map[string]bool{}, services: map[string]bool{}}
	for name, texts := range c.ClientRoles {
		for text := range strings.SplitSeq(texts, "+") {
			switch text {
			case gatewayRole:
				all.gateways[name] = true
				continue
			case serviceRole:
				all.services[name] = true
				continue
			}
			role, ok := roleNamed(text)
			if !ok {
				return certified{}, fmt.Errorf("--client-roles: %q is not a role that a caller can have", text)
			}
			if isPartner(role) {
				return certified{}, fmt.Errorf("--client-roles: %s is bound to MPN IDs, which a certificate does not name", role)
			}
			all.roles[name] = append(all.roles[name], role)
		}
		if all.services[name] && len(all.roles[name]) == 0 { // what a certificate may call goes by the first of its names that has a role
			return certified{}, fmt.Errorf("--client-roles: %s of %s needs a role beside it, such as AUDITOR+%[1]s: alone it lets nobody in", serviceRole, name)
		}
	}
	return all, nil
}

// Guard is one by the settings, which have passed Check.
func (c Settings) Guard(log *slog.Logger, visible Visible) (*Guard, error) {
	if !c.closed() {
		return &Guard{local: true, visible: visible, log: log}, nil
	}
	certificates, err := c.clientRoles()
	if err != nil {
		return nil, err
	}
	g := &Guard{internal: c.Internal, certified: certificates, visible: visible, log: log}
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
	if c.OIDCIssuer != "" {
		g.tokens = newIssuer(c, log)
	}
	return g, nil
}

// CallOptions are those by which one part of a process calls another, which has the same Internal token.
func (c Settings) CallOptions() []grpc.DialOption {
	if c.Internal == "" {
		return nil
	}
	return []grpc.DialOption{grpc.WithPerRPCCredentials(internalToken(c.Internal))}
}

type internalToken string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t internalToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: the token does not leave the machine.
func (internalToken) RequireTransportSecurity() bool { return false }
