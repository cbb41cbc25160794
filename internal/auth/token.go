package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/metadata"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

const (
	// skew is by how much the issuer's clock may differ from ours.
	skew = 30 * time.Second
	// discoverEvery is how often an issuer that is out is asked again.
	discoverEvery = time.Second
	// issuerPatience is how long it has to answer.
	issuerPatience = 5 * time.Second
	// longestReason bounds what is logged of why a token was refused, in bytes: some of it may be the caller's own words.
	longestReason = 200
)

// bearer returns the token that a call carries, "" where it carries no credentials. Two of them, or credentials of another
// kind, are UNAUTHENTICATED.
func bearer(ctx context.Context) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", unknown()
	}
	kind, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(kind, "Bearer") || token == "" {
		return "", unknown()
	}
	return token, nil
}

// An issuer verifies the tokens of an OpenID Connect provider, which may be out when the service starts.
type issuer struct {
	url, audience             string
	rolesClaim, partnersClaim string
	log                       *slog.Logger
	clock                     clock.Clock

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier // nil until the issuer was reached
	asked    time.Time
}

// reach returns the verifier, discovering the issuer if that has not been done. UNAVAILABLE while it is out.
func (i *issuer) reach(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.verifier != nil {
		return i.verifier, nil
	}
	if now := i.clock(); i.asked.IsZero() || now.Sub(i.asked) >= discoverEvery {
		i.asked = now
		err := i.discover(ctx)
		if err == nil {
			return i.verifier, nil
		}
		i.log.WarnContext(ctx, "the issuer of tokens can't be reached", "issuer", i.url, "error", err)
	}
	return nil, issuerOut()
}

func issuerOut() error {
	return fault.New(fault.Unavailable, "ISSUER_UNAVAILABLE", "the issuer of tokens can't be reached")
}

func (i *issuer) discover(ctx context.Context) error {
	client := &http.Client{Timeout: issuerPatience}
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), i.url)
	if err != nil {
		return err
	}
	var found struct {
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&found); err != nil {
		return err
	}
	set := &keys{url: found.Keys, client: client, clock: i.clock}
	var algorithms []string
	for _, algorithm := range asymmetric {
		if len(found.Algorithms) == 0 && algorithm == jose.RS256 || slices.Contains(found.Algorithms, string(algorithm)) {
			set.algorithms, algorithms = append(set.algorithms, algorithm), append(algorithms, string(algorithm))
		}
	}
	if len(algorithms) == 0 {
		return errors.New("it signs by no algorithm that is taken")
	}
	i.verifier = oidc.NewVerifier(i.url, set, &oidc.Config{
		ClientID: i.audience, SupportedSigningAlgs: algorithms, Now: func() time.Time { return i.clock().Add(-skew) },
	})
	return nil
}

// asymmetric are the algorithms by which a token may be signed: none of them by a secret that the service would share.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// principal returns who a token was issued to. UNAUTHENTICATED where it is not the issuer's, not for this audience, or expired.
func (i *issuer) principal(ctx context.Context, token string) (Principal, error) {
	verifier, err := i.reach(ctx)
	if err != nil {
		return Principal{}, err
	}
	var verified *oidc.IDToken
	var unread error
	verified, err = verifier.Verify(context.WithValue(ctx, unreadKey{}, &unread), token)
	if unread != nil {
		i.log.WarnContext(ctx, "the issuer's keys can't be read", "issuer", i.url, "error", unread)
		return Principal{}, issuerOut()
	}
	if err != nil {
		reason := err.Error()
		i.log.InfoContext(ctx, "a token was refused", "reason", reason[:min(len(reason), longestReason)])
		return Principal{}, unknown()
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil || verified.Subject == "" {
		i.log.InfoContext(ctx, "a token was refused", "reason", "it names no subject")
		return Principal{}, unknown()
	}
	who := Principal{ID: verified.Subject}
	for _, partner := range words(claimOf(claims, i.partnersClaim)) {
		if partner != "-" && !strings.Contains(partner, "/") { // those are no MPN IDs
			who.Partners = append(who.Partners, partner)
		}
	}
	for _, name := range words(claimOf(claims, i.rolesClaim)) {
		if role, ok := roleNamed(name); ok {
			who.Roles = append(who.Roles, role)
		}
	}
	return who, nil
}

// roleNamed returns the role with a name, if a caller can hold it.
func roleNamed(name string) (authv1.Role, bool) {
	role := authv1.Role(authv1.Role_value[name])
	return role, role != authv1.Role_ROLE_UNSPECIFIED && role != authv1.Role_PARTNER
}

// claimOf returns a claim by its name, which may be a path with dots: realm_access.roles.
func claimOf(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	outer, inner, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	within, _ := claims[outer].(map[string]any)
	return claimOf(within, inner)
}

// words returns the texts in a claim: a list of them, or one with spaces between them.
func words(claim any) []string {
	switch value := claim.(type) {
	case string:
		return strings.Fields(value)
	case []any:
		var texts []string
		for _, item := range value {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}
