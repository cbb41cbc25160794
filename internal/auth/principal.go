package auth

import (
	"context"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

// A Principal is a caller that is known.
type Principal struct {
	ID       string        // the subject of its token, or the name in its certificate
	Roles    []authv1.Role // as the protos name them; PARTNER is none of them
	Partners []string      // the MPN IDs that its partner-side roles are bound to
	// Local marks the one principal of a service that knows no identities. It holds
	// every role, and is partner and owner in one person.
	Local bool
	// Certificate marks one that is known by its certificate: a token's subject may be the same word.
	Certificate bool
	// Internal marks another part of the same process, which is not limited in how much it calls.
	Internal bool
	// Service marks a service, by its certificate, that calls for its own callers. It is not limited either: one of its callers, who may call it
	// as often as it may call, would leave the others nothing.
	Service bool
}

// What others than people with tokens are called. A token's subject may be any word, so one that looks like these is marked in history.
const (
	localID         = "local"
	internalID      = "internal"
	certificateMark = "certificate:"
	tokenMark       = "token:"
)

// local is the principal of a service that knows no identities.
func local() Principal { return Principal{ID: localID, Local: true} }

// Actor is what a caller is called where it is written down who did something, and who may not decide on it: no two callers share one. That
// of a token is its subject, where nobody else could be meant.
func (p Principal) Actor() string {
	switch {
	case p.Local || p.Internal:
		return p.ID
	case p.Certificate:
		return certificateMark + p.ID
	case p.ID == localID || p.ID == internalID || strings.HasPrefix(p.ID, certificateMark) || strings.HasPrefix(p.ID, tokenMark):
		return tokenMark + p.ID
	}
	return p.ID
}

// Key tells callers apart: a token's subject may be the same word as a certificate's name. It is "" for those that are not limited in
// how much they call.
func (p Principal) Key() string {
	switch {
	case p.Local || p.Internal || p.Service || p.ID == "":
		return ""
	case p.Certificate:
		return certificateMark + p.ID
	default:
		return tokenMark + p.ID
	}
}

// An Access is what a call was admitted as.
type Access struct {
	Principal

	// Role is the one by which the call is made, of those that the method's policy names.
	Role authv1.Role
}

// isPartner tells whether a role is one of the partner side's, which are bound to MPN IDs.
func isPartner(r authv1.Role) bool {
	return r == authv1.Role_INCENTIVES_ADMIN || r == authv1.Role_BILLING_ADMIN || r == authv1.Role_GLOBAL_ADMIN
}

// Bound tells whether the call is made for the partners of the caller's MPN IDs only.
func (a Access) Bound() bool { return !a.Local && isPartner(a.Role) }

// SeesPartner tells whether what belongs to a partner exists for the caller. See docs/rules.md §5.
func (a Access) SeesPartner(partner string) bool {
	return !a.Bound() || slices.Contains(a.Partners, partner)
}

// Among returns which partner to list where a caller asks for one, or for all of them, which is "". One that is bound to
// partners gets its own in place of all; where it has several, it has to say which.
func (a Access) Among(v *fault.Violations, path, partner string) string {
	switch {
	case partner != "" || !a.Bound():
		return partner
	case len(a.Partners) == 1 && a.Partners[0] != "": // which would be all of them
		return a.Partners[0]
	}
	v.Add(path, "PARTNER_NOT_NAMED", "stands for all partners, and the caller is bound to %d: one of them has to be named", len(a.Partners))
	return "-" // no partner's id
}

type accessKey struct{}

// With returns a context whose calls are made with an access.
func With(ctx context.Context, a Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// From returns the access that a call was admitted with. Of a context that no service has admitted, it is that of a
// caller without a name, a role or a partner, who is bound to nothing and so sees nothing.
func From(ctx context.Context) Access {
	a, ok := ctx.Value(accessKey{}).(Access)
	if !ok {
		return Access{Role: authv1.Role_INCENTIVES_ADMIN} // bound, to no partner
	}
	return a
}
