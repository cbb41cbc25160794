// Package authtest is an OpenID Connect provider for tests: as much of one as a service asks for.
package authtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience is whom tokens are for.
const Audience = "incentives"

// A Provider issues tokens, and tells its keys.
type Provider struct {
	*httptest.Server

	mu    sync.Mutex
	keys  []jose.JSONWebKey // private
	down  bool
	asked int
}

// New is a provider with one key, which goes when the test is over.
func New(t *testing.T) *Provider {
	t.Helper()
	p := &Provider{}
	p.Rotate(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{
			"issuer": p.URL, "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.asked++
		var public jose.JSONWebKeySet
		for _, key := range p.keys {
			public.Keys = append(public.Keys, key.Public())
		}
		p.mu.Unlock()
		p.answer(w, public)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *Provider) answer(w http.ResponseWriter, v any) {
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	if down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(v)
}

// Rotate has the provider give up its keys for a new one.
func (p *Provider) Rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = []jose.JSONWebKey{{Key: key, KeyID: rand.Text(), Algorithm: "RS256", Use: "sig"}}
}

// SetDown has the provider answer nothing, or answer again.
func (p *Provider) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Key is the private key that tokens are signed with.
func (p *Provider) Key() jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0]
}

// Asked is how often the provider was asked for its keys.
func (p *Provider) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Claims are what a token says.
type Claims map[string]any

// Token is one that the provider issues at a time for an hour, with some claims in place of the usual ones.
func (p *Provider) Token(t *testing.T, now time.Time, change Claims) string {
	t.Helper()
	return Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: p.Key()}, p.Claims(now, change))
}

// Claims are what Token says.
func (p *Provider) Claims(now time.Time, change Claims) Claims {
	all := Claims{
		"iss": p.URL, "sub": "ann", "aud": Audience, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"roles": []string{"BILLING_ADMIN", "PARTNER", "KING"}, "mpn_ids": "contoso fabrikam",
	}
	maps.Copy(all, change)
	return all
}

// Sign makes a token of claims.
func Sign(t *testing.T, key jose.SigningKey, c Claims) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
