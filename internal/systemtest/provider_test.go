package systemtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A provider is a real OpenID provider, zitadel's, over a storage of a few accounts. What it says of itself, how it answers
// for tokens and what is in them is its own, and not made to suit the services.
type provider struct {
	*testing.T
	*storage
	url string
}

const (
	audience = "incentives"
	// ours is the scope with which a token tells the roles and the partners of its holder.
	ours = "incentives"
	// secret is what all accounts have.
	secret = "s3cr3t"
)

// newProvider starts one, which goes when the test is over.
func newProvider(t *testing.T, accounts ...account) *provider {
	t.Helper()
	p := &provider{T: t, storage: &storage{accounts: map[string]account{}}}
	for _, a := range accounts {
		p.accounts[a.id] = a
	}
	p.sign(t, jose.RS256)
	front := httptest.NewUnstartedServer(nil)
	p.url = "http://" + front.Listener.Addr().String()
	handler, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{7}, CryptoKeyId: "7"}, p.storage, op.StaticIssuer(p.url), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = handler
	front.Start()
	t.Cleanup(front.Close)
	return p
}

// flags have a service take its tokens. The claims are where that provider puts what is a product's own.
func (p *provider) flags() []string {
	return []string{
		"--oidc-issuer", p.url, "--oidc-audience", audience, "--oidc-roles-claim", "incentives.roles", "--oidc-partners-claim", "incentives.partners",
	}
}

// token is what the provider answers when an account asks for an access token with scopes.
func (p *provider) token(id, scopes string) string {
	p.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scopes}}
	request, err := http.NewRequestWithContext(within(p.T), http.MethodPost, p.url+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(id, secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
		p.Fatalf("the provider answers %s %s for a token of %s: %v", response.Status, answer.Error, id, err)
	}
	return answer.Token
}

// An account is a client that the provider knows. What it has not got itself is never asked for.
type account struct {
	op.Client

	id, roles, partners string
	audience            string        // that of the services where it is empty
	lifetime            time.Duration // an hour where it is 0
	opaque              bool          // its tokens are for the provider alone to read
}

func (a account) GetID() string { return a.id }

func (account) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

func (a account) AccessTokenType() op.AccessTokenType {
	if a.opaque {
		return op.AccessTokenTypeBearer
	}
	return op.AccessTokenTypeJWT
}

func (account) ClockSkew() time.Duration { return 0 }

func (account) RestrictAdditionalAccessTokenScopes() func(scopes []string) []string {
	return func(scopes []string) []string { return scopes }
}

// A storage is what the provider works on. What it has not got itself is for ways to log in that no test goes.
type storage struct {
	op.Storage

	accounts map[string]account

	mu   sync.Mutex
	keys []signingKey // those that are published; the last one signs
}

// A signingKey is one for the provider to sign with, and its public half for others.
type signingKey struct{ jose.JSONWebKey }

func (k signingKey) ID() string { return k.KeyID }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm {
	return jose.SignatureAlgorithm(k.JSONWebKey.Algorithm)
}
func (k signingKey) Algorithm() jose.SignatureAlgorithm { return k.SignatureAlgorithm() }
func (k signingKey) Use() string                        { return k.JSONWebKey.Use }
func (k signingKey) Key() any                           { return k.JSONWebKey.Key }

// sign has the provider sign with a new key from now on, which is published beside those that are.
func (s *storage) sign(t *testing.T, algorithm jose.SignatureAlgorithm) {
	t.Helper()
	var key any
	var err error
	if algorithm == jose.ES256 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, signingKey{jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(algorithm), Use: "sig"}})
}

// giveUp has the provider give up its oldest key.
func (s *storage) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = s.keys[1:]
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1], nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []op.Key
	for _, key := range s.keys {
		all = append(all, signingKey{key.Public()})
	}
	return all, nil
}

func (*storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}, nil
}

func (*storage) Health(context.Context) error { return nil }

func (s *storage) ClientCredentials(_ context.Context, id, password string) (op.Client, error) {
	a, ok := s.accounts[id]
	if !ok || password != secret {
		return nil, errors.New("wrong name or password")
	}
	return a, nil
}

func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	to := audience
	if a := s.accounts[id]; a.audience != "" {
		to = a.audience
	}
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{to, "https://other.example"}, Scopes: scopes}, nil
}

func (s *storage) CreateAccessToken(_ context.Context, request op.TokenRequest) (id string, expires time.Time, err error) {
	lifetime := time.Hour
	if a := s.accounts[request.GetSubject()]; a.lifetime != 0 {
		lifetime = a.lifetime
	}
	return rand.Text(), time.Now().Add(lifetime), nil
}

func (s *storage) GetPrivateClaimsFromScopes(_ context.Context, id, _ string, scopes []string) (map[string]any, error) {
	if !slices.Contains(scopes, ours) {
		return nil, nil
	}
	a := s.accounts[id]
	return map[string]any{"incentives": map[string]any{"roles": strings.Fields(a.roles), "partners": strings.Fields(a.partners)}}, nil
}
