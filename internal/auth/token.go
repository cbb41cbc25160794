package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/metadata"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

const (
	// skew is by how much the issuer's clock may differ from ours.
	skew = 30 * time.Second
	// discoverEvery is how often an issuer that is out is asked again.
	discoverEvery = time.Second
	// issuerPatience is how long it has to answer.
	issuerPatience = 5 * time.Second
	// mostRedirects is how often it may lead to another address.
	mostRedirects = 5
	// longestReason bounds what is logged of why a token was refused, in bytes: some of it may be the caller's own words.
	longestReason = 200
)

// bearer returns the token that a call carries, "" where it carries no credentials. Two of them, or credentials of another
// kind, are UNAUTHENTICATED.
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
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
	verified                  *lru.Cache[[sha256.Size]byte, verified] // by the hash of the token
	forgeries                 *forgeries

	reached atomic.Pointer[reached] // nil until the issuer was
	mu      sync.Mutex              // held while it is asked
	asked   time.Time
	outage  rate.Sometimes // when it is in the log that the issuer is out
	waiting *limit.Places  // for the issuer to answer
}

// reached is what is known of an issuer.
type reached struct {
	keys     *keys
	verifier *oidc.IDTokenVerifier
}

// A verified token is not verified again until it expires, or the issuer's keys change.
type verified struct {
	who        Principal
	expires    time.Time
	generation int // of the issuer's keys
}

// mostVerified is how many tokens are remembered: of some hundred bytes each.
const mostVerified = 20_000

func newIssuer(c Settings, log *slog.Logger) *issuer {
	remembered, err := lru.New[[sha256.Size]byte, verified](mostVerified)
	if err != nil {
		panic(err) //nolint:forbidigo // the size is a constant above 0
	}
	return &issuer{
		url: c.OIDCIssuer, audience: c.OIDCAudience, rolesClaim: c.OIDCRolesClaim, partnersClaim: c.OIDCPartnersClaim, log: log, clock: c.Clock,
		verified: remembered, forgeries: newForgeries(c.Clock), outage: rate.Sometimes{Interval: time.Minute}, waiting: &limit.Places{},
	}
}

// reach returns the verifier and its keys, discovering the issuer if that has not been done. UNAVAILABLE while it is out.
func (i *issuer) reach(ctx context.Context, mayWait bool) (*reached, error) {
	if to := i.reached.Load(); to != nil {
		return to, nil
	}
	if !mayWait {
		return nil, errUndecided
	}
	leave, ok := i.waiting.Take("", mostWaiting)
	if !ok {
		return nil, i.out(ctx, nil)
	}
	defer leave()
	i.mu.Lock()
	defer i.mu.Unlock()
	if to := i.reached.Load(); to != nil {
		return to, nil
	}
	if now := i.clock(); i.asked.IsZero() || now.Sub(i.asked) >= discoverEvery {
		to, err := i.discover(ctx)
		i.asked = i.clock() // when it has ended: callers that waited for it make no attempt of their own
		if err == nil {
			i.reached.Store(to)
			return to, nil
		}
		return nil, i.out(ctx, err)
	}
	return nil, i.out(ctx, nil)
}

// out is what a call is told that has to be known by an issuer which is out for a reason, nil where that was told before.
func (i *issuer) out(ctx context.Context, reason error) error {
	if reason != nil {
		i.outage.Do(func() {
			i.log.WarnContext(ctx, "the issuer of tokens can't be reached", "issuer", i.url, "error", reason)
		})
	}
	return fault.New(fault.Unavailable, "ISSUER_UNAVAILABLE", "the issuer of tokens can't be reached")
}

func (i *issuer) discover(ctx context.Context) (*reached, error) {
	client := &http.Client{Timeout: issuerPatience, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= mostRedirects {
			return errors.New("it leads from one address to the next")
		}
		return checkIssuer(r.URL.String())
	}}
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), i.url)
	if err != nil {
		return nil, err
	}
	var found struct {
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&found); err != nil {
		return nil, err
	}
	if err := checkIssuer(found.Keys); err != nil {
		return nil, fmt.Errorf("its keys: %w", err)
	}
	sources, err := lru.New[string, time.Time](mostSources)
	if err != nil {
		return nil, err
	}
	set := &keys{url: found.Keys, client: client, clock: i.clock, waiting: i.waiting, sources: sources}
	var algorithms []string
	for _, algorithm := range asymmetric {
		if len(found.Algorithms) == 0 && algorithm == jose.RS256 || slices.Contains(found.Algorithms, string(algorithm)) {
			set.algorithms, algorithms = append(set.algorithms, algorithm), append(algorithms, string(algorithm))
		}
	}
	if len(algorithms) == 0 {
		return nil, errors.New("it signs by no algorithm that is taken")
	}
	return &reached{keys: set, verifier: oidc.NewVerifier(i.url, set, &oidc.Config{
		ClientID: i.audience, SupportedSigningAlgs: algorithms, Now: func() time.Time { return i.clock().Add(-skew) },
	})}, nil
}

// asymmetric are the algorithms by which a token may be signed: none of them by a secret that the service would share.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// principal returns who a token was issued to. UNAUTHENTICATED where it is not the issuer's, not for this audience, or expired.
func (i *issuer) principal(ctx context.Context, token string, mayWait bool) (Principal, error) {
	to, err := i.reach(ctx, mayWait)
	if err != nil {
		return Principal{}, err
	}
	hash := sha256.Sum256([]byte(token))
	generation, current := to.keys.current(ctx)
	if known, ok := i.verified.Get(hash); ok && current && known.generation == generation && i.clock().Add(-skew).Before(known.expires) {
		return known.who, nil
	}
	from := Source(ctx)
	if err := i.forgeries.check(from); err != nil {
		return Principal{}, err
	}
	progress := &verification{mayWait: mayWait}
	idToken, err := to.verifier.Verify(context.WithValue(ctx, verificationKey{}, progress), token)
	if err == nil {
		err = i.begun(idToken)
	}
	switch {
	case errors.Is(progress.unread, errUndecided):
		return Principal{}, errUndecided
	case progress.unread != nil:
		return Principal{}, i.out(ctx, progress.unread)
	case err != nil:
		if progress.forged {
			i.forgeries.note(from)
		}
		reason := err.Error()
		i.log.DebugContext(ctx, "a token was refused", "reason", reason[:min(len(reason), longestReason)])
		refusal := unknown()
		refusal.Cause = i.causeOf(token, to.keys.algorithms, progress, err)
		return Principal{}, refusal
	}
	who, err := i.holder(idToken)
	if err != nil {
		return Principal{}, err
	}
	i.verified.Add(hash, verified{who: who, expires: idToken.Expiry, generation: progress.generation})
	return who, nil
}

// begun returns an error where a token is not valid yet. The library looks, too, but as if clocks differed by five minutes.
func (i *issuer) begun(token *oidc.IDToken) error {
	var claims struct {
		NotBefore json.Number `json:"nbf"` // seconds, also in a text, as the library reads it; "" where there is none
	}
	if err := token.Claims(&claims); err != nil {
		return err
	}
	if !i.hasBegun(claims.NotBefore) {
		return fmt.Errorf("it is not valid before %s", claims.NotBefore)
	}
	return nil
}

func (i *issuer) hasBegun(notBefore json.Number) bool {
	if notBefore == "" {
		return true
	}
	seconds, err := notBefore.Float64()
	return err == nil && seconds <= float64(i.clock().Add(skew).Unix())
}

// holder returns who a token that has been verified was issued to.
func (i *issuer) holder(token *oidc.IDToken) (Principal, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil || token.Subject == "" {
		refusal := unknown()
		refusal.Cause = tokenWithoutSubject
		return Principal{}, refusal
	}
	who := Principal{ID: token.Subject}
	for _, partner := range words(claimOf(claims, i.partnersClaim)) {
		if mpnID.MatchString(partner) { // what is none might stand for something else, such as all partners
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

// mpnID is what an MPN ID looks like, as the protos have it.
var mpnID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

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
