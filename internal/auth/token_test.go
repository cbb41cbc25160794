package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

var now = time.Date(2026, time.May, 14, 12, 0, 0, 0, time.UTC)

// A service that takes the provider's tokens.
type service struct {
	*Guard
	log  bytes.Buffer
	past atomic.Int64 // of time since now; keys are read in the background
}

func newService(t *testing.T, issuer string) *service {
	t.Helper()
	s := &service{}
	settings := Settings{
		Tokens: Tokens{OIDCIssuer: issuer, OIDCAudience: "incentives", OIDCRolesClaim: "roles", OIDCPartnersClaim: "mpn_ids"},
		Clock:  func() time.Time { return now.Add(time.Duration(s.past.Load())) }, Internal: "between-us",
	}
	if err := settings.Check("10.0.0.5:9001"); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.Guard, err = settings.Guard(slog.New(slog.NewTextHandler(&s.log, nil)), OwnPartners); err != nil {
		t.Fatal(err)
	}
	return s
}

// wait lets time go by.
func (s *service) wait(d time.Duration) { s.past.Add(int64(d)) }

// with is the context of a call with headers.
func with(authorization ...string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.MD{"authorization": authorization})
}

func (s *service) wantKnown(t *testing.T, what, token string) {
	t.Helper()
	if _, err := s.identify(with("Bearer "+token), true); err != nil {
		t.Errorf("%s: %v\n%s", what, err, s.log.String())
	}
}

func (s *service) wantReason(t *testing.T, what, reason string, authorization ...string) {
	t.Helper()
	who, err := s.identify(with(authorization...), true)
	if fault.ReasonOf(err) != reason {
		t.Errorf("%s: %+v, %v; want %s", what, who, err, reason)
	}
}

func TestToken(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	who, err := s.identify(with("bearer "+p.Token(t, now, nil)), true)
	if err != nil || who.ID != "ann" || !slices.Equal(who.Roles, []authv1.Role{authv1.Role_BILLING_ADMIN}) || !slices.Equal(who.Partners, []string{"contoso", "fabrikam"}) {
		t.Errorf("the holder of a token is %+v, %v", who, err)
	}
	s.wantKnown(t, "for several audiences", p.Token(t, now, authtest.Claims{"aud": []string{"other", "incentives"}}))
	s.wantKnown(t, "expired within what clocks may differ by", p.Token(t, now, authtest.Claims{"exp": now.Add(-20 * time.Second).Unix()}))
	s.wantKnown(t, "begun within what clocks may differ by", p.Token(t, now, authtest.Claims{"nbf": now.Add(20 * time.Second).Unix()}))
	if who, err := s.identify(with("Bearer between-us"), true); err != nil || !slices.Equal(who.Roles, []authv1.Role{authv1.Role_AUDITOR}) {
		t.Errorf("another part of the process is %+v, %v", who, err)
	}
}

func TestBadTokens(t *testing.T) {
	p, stranger := authtest.New(t), authtest.New(t)
	s := newService(t, p.URL)
	unsigned := func(header string) string {
		payload, err := json.Marshal(p.Claims(now, nil))
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	good := p.Token(t, now, nil)
	key := p.Key()
	public, err := key.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	other, err := json.Marshal(p.Claims(now, authtest.Claims{"sub": "eve"}))
	if err != nil {
		t.Fatal(err)
	}
	causes := map[string]string{
		"expired": "TOKEN_EXPIRED", "of another audience": "TOKEN_OF_OTHER_AUDIENCE", "of no audience": "TOKEN_OF_OTHER_AUDIENCE",
		"of another issuer, by its name": "TOKEN_OF_OTHER_ISSUER", "of another issuer": "TOKEN_OF_OTHER_ISSUER", "of another issuer, in this name": "TOKEN_OF_UNKNOWN_KEY",
		"changed after it was signed": "TOKEN_FORGED", "unsigned": "TOKEN_UNSIGNED", "without its signature": "TOKEN_UNSIGNED", "unsigned, in other letters": "TOKEN_UNSIGNED",
		"signed with the public key as text": "TOKEN_OF_OTHER_ALGORITHM", "with nobody as its subject": "TOKEN_WITHOUT_SUBJECT",
		"not valid yet": "TOKEN_NOT_YET_VALID", "not valid for four minutes": "TOKEN_NOT_YET_VALID", "not valid yet, in a text": "TOKEN_NOT_YET_VALID",
		"not valid for ever": "TOKEN_NOT_YET_VALID", "with words for a time": "TOKEN_MALFORMED", "cut off": "TOKEN_MALFORMED", "no token": "TOKEN_MALFORMED",
		"the internal one of another": "TOKEN_MALFORMED", "the internal one, and more": "TOKEN_MALFORMED",
	}
	for what, token := range map[string]string{
		"expired":                            p.Token(t, now, authtest.Claims{"exp": now.Add(-time.Minute).Unix()}),
		"not valid yet":                      p.Token(t, now, authtest.Claims{"nbf": now.Add(time.Hour).Unix()}),
		"not valid for four minutes":         p.Token(t, now, authtest.Claims{"nbf": now.Add(4 * time.Minute).Unix()}),
		"not valid yet, in a text":           p.Token(t, now, authtest.Claims{"nbf": fmt.Sprint(now.Add(4 * time.Minute).Unix())}),
		"not valid for ever":                 p.Token(t, now, authtest.Claims{"nbf": 1e300}),
		"with words for a time":              p.Token(t, now, authtest.Claims{"exp": "soon"}),
		"of another audience":                p.Token(t, now, authtest.Claims{"aud": "payroll"}),
		"of no audience":                     p.Token(t, now, authtest.Claims{"aud": nil}),
		"of another issuer, by its name":     p.Token(t, now, authtest.Claims{"iss": stranger.URL}),
		"of another issuer":                  stranger.Token(t, now, nil),
		"of another issuer, in this name":    authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: stranger.Key()}, p.Claims(now, nil)),
		"with nobody as its subject":         p.Token(t, now, authtest.Claims{"sub": ""}),
		"unsigned":                           unsigned(`{"alg":"none"}`),
		"unsigned, in other letters":         unsigned(`{"alg":"nOnE"}`),
		"signed with the public key as text": authtest.Sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, p.Claims(now, nil)),
		"changed after it was signed":        head + "." + base64.RawURLEncoding.EncodeToString(other) + "." + signature,
		"without its signature":              head + "." + body + ".",
		"cut off":                            head + "." + body,
		"no token":                           "x",
		"the internal one of another":        "between-them",
		"the internal one, and more":         "between-us-",
	} {
		s.wantReason(t, "a token "+what, "UNAUTHENTICATED", "Bearer "+token)
		_, err := s.identify(with("Bearer "+token), true)
		if refusal, _ := errors.AsType[*fault.Error](err); refusal == nil || refusal.Cause != causes[what] || refusal.Cause == "" {
			t.Errorf("a token %s: %+v, want the cause %q for the log", what, refusal, causes[what])
		}
	}
	s.wantReason(t, "no credentials", "UNAUTHENTICATED")
	s.wantReason(t, "a token twice", "UNAUTHENTICATED", "Bearer "+good, "Bearer "+good)
	s.wantReason(t, "two tokens in one header", "UNAUTHENTICATED", "Bearer "+good+", Bearer "+good)
	s.wantReason(t, "another kind of credentials", "UNAUTHENTICATED", "Basic "+good)
	s.wantReason(t, "no kind of credentials", "UNAUTHENTICATED", good)
	s.wantReason(t, "an empty token", "UNAUTHENTICATED", "Bearer ")
	s.wantKnown(t, "a good one after them all", good)
	for _, secret := range []string{good, signature, body} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("a part of a token is in the log")
		}
	}
}

func TestKeysAreRotated(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	before := p.Token(t, now, authtest.Claims{"exp": now.Add(24 * time.Hour).Unix()})
	s.wantKnown(t, "by the first key", before)
	p.Rotate(t)
	after := p.Token(t, now, authtest.Claims{"exp": now.Add(24 * time.Hour).Unix()})
	s.wait(askEvery)
	s.wantKnown(t, "by the new key, at once", after)
	s.wantReason(t, "by the key that was given up", "UNAUTHENTICATED", "Bearer "+before)

	p.Rotate(t)
	s.wait(keysLast)
	s.wantKnown(t, "by a key of a minute ago, while the issuer is asked", after)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, err := s.identify(with("Bearer "+after), true); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a key that the issuer has given up is still taken")
		}
	}
}

// An issuer is not asked again for every token of a stranger.
func TestKeysAreNotAskedForByStrangers(t *testing.T) {
	p, stranger := authtest.New(t), authtest.New(t)
	s := newService(t, p.URL)
	forged := authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: stranger.Key()}, p.Claims(now, nil))
	for range 100 {
		s.wantReason(t, "a forged token", "UNAUTHENTICATED", "Bearer "+forged)
	}
	if p.Asked() != 1 {
		t.Errorf("the issuer was asked for its keys %d times, want once", p.Asked())
	}
}

// A stranger who names keys that there are not keeps others from showing a new one for a second, and not for as long as itself.
func TestNewKeyBesideAStranger(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	s.wantKnown(t, "before", p.Token(t, now, nil))
	from := func(address, token string) string {
		ctx := peer.NewContext(with("Bearer "+token), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(address)}})
		_, err := s.identify(ctx, true)
		return fault.ReasonOf(err)
	}
	strange := authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: authtest.New(t).Key()}, p.Claims(now, nil))
	s.wait(askEvery)
	stranger := from("192.0.2.1", strange)
	p.Rotate(t)
	honest := p.Token(t, now, nil)
	at := from("192.0.2.2", honest)
	s.wait(askEveryForAll)
	asked := p.Asked()
	again := from("192.0.2.1", strange)
	if more := p.Asked() - asked; stranger != "UNAUTHENTICATED" || at != "UNAUTHENTICATED" || again != "UNAUTHENTICATED" || more != 0 {
		t.Errorf("a stranger: %s, %s, asking the issuer %d times more, want none; a new key meanwhile: %s", stranger, again, more, at)
	}
	if got := from("192.0.2.2", honest); got != "" {
		t.Errorf("a new key, a second after a stranger has named none: %s", got)
	}
}

func TestIssuerIsOut(t *testing.T) {
	p := authtest.New(t)
	p.SetDown(true)
	s := newService(t, p.URL)
	token := p.Token(t, now, authtest.Claims{"exp": now.Add(24 * time.Hour).Unix()})
	s.wantReason(t, "before it was ever reached", "ISSUER_UNAVAILABLE", "Bearer "+token)
	p.SetDown(false)
	s.wantReason(t, "at once again", "ISSUER_UNAVAILABLE", "Bearer "+token)
	s.wait(discoverEvery)
	s.wantKnown(t, "when it is back", token)
	p.SetDown(true)
	s.wait(keysLast)
	s.wantKnown(t, "out again, with keys that are known", token)
	s.wait(keysKept)
	s.wantReason(t, "out for long", "ISSUER_UNAVAILABLE", "Bearer "+token)
}

func TestClaims(t *testing.T) {
	all := map[string]any{
		"realm_access": map[string]any{"roles": []any{"AUDITOR", 7, "REVIEWER"}}, "a.b": "dotted", "a": map[string]any{"b": "nested"}, "n": 7,
	}
	for name, want := range map[string][]string{
		"realm_access.roles": {"AUDITOR", "REVIEWER"}, "a.b": {"dotted"}, "n": nil, "n.m": nil, "missing": nil, "realm_access": nil,
	} {
		if got := words(claimOf(all, name)); !slices.Equal(got, want) {
			t.Errorf("the claim %s holds %q, want %q", name, got, want)
		}
	}
}

// A forger of tokens by the issuer's key soon has to wait, and with it its neighbours that are not known yet; a known caller does not.
func TestForgersAreLimited(t *testing.T) {
	p, forger := authtest.New(t), authtest.New(t)
	s := newService(t, p.URL)
	known, neighbour := p.Token(t, now, nil), p.Token(t, now, authtest.Claims{"sub": "bob"})
	s.wantKnown(t, "before", known)
	key := forger.Key()
	key.KeyID = p.Key().KeyID
	forged := authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: key}, p.Claims(now, nil))
	for range badTokenBurst {
		s.wantReason(t, "a forged token", "UNAUTHENTICATED", "Bearer "+forged)
	}
	s.wantReason(t, "one more", "TOO_MANY_BAD_TOKENS", "Bearer "+forged)
	s.wantReason(t, "a neighbour", "TOO_MANY_BAD_TOKENS", "Bearer "+neighbour)
	s.wantKnown(t, "who is known", known)
	s.wait(time.Second)
	s.wantKnown(t, "a neighbour, a second later", neighbour)
}

// A claim that names no MPN ID binds to nothing: "" or "-" would stand for all partners.
func TestPartnersOfAToken(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	who, err := s.identify(with("Bearer "+p.Token(t, now, authtest.Claims{"mpn_ids": []any{"", "-", "a/b", "A", "..", "contoso", 7, "-x", " "}})), true)
	if err != nil || !slices.Equal(who.Partners, []string{"contoso"}) {
		t.Errorf("the token is of %q, %v", who.Partners, err)
	}
}

// Calls do not pile up behind an issuer that does not answer.
func TestFewWaitForTheIssuer(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	known := p.Token(t, now, nil)
	s.wantKnown(t, "before", known)
	tokens := s.tokens
	release := make(chan struct{})
	to := tokens.reached.Load()
	to.keys.client = &http.Client{Transport: hanging(release)}
	s.wait(askEvery)
	strange := authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: authtest.New(t).Key()}, p.Claims(now, nil))
	var all sync.WaitGroup
	var refused atomic.Int64
	for range mostWaiting + 10 {
		all.Go(func() {
			if _, err := s.identify(with("Bearer "+strange), true); fault.ReasonOf(err) == "ISSUER_UNAVAILABLE" {
				refused.Add(1)
			}
		})
	}
	for deadline := time.Now().Add(10 * time.Second); refused.Load() < 10; {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls were refused, want 10: the others wait", refused.Load())
		}
		runtime.Gosched()
	}
	s.wantKnown(t, "who is known, meanwhile", known)
	close(release)
	all.Wait()
}

// hanging is a way to an issuer that does not answer until it is closed.
type hanging chan struct{}

func (h hanging) RoundTrip(*http.Request) (*http.Response, error) {
	<-h
	return nil, errors.New("it did not answer")
}

// What everybody may call, one address may not call for ever: watching health has no end.
func TestStrangersHaveFewCallsAtOnce(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	const watch = "/grpc.health.v1.Health/Watch"
	from := func(address string, ctx context.Context) context.Context {
		return peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(address), Port: 1}})
	}
	hold := func(ctx context.Context, method string) error {
		tapped, err := s.Tap(ctx, method)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Hold(tapped, method)
		return err
	}
	known := p.Token(t, now, nil)
	s.wantKnown(t, "before", known)
	one, end := context.WithCancel(t.Context())
	for i := range mostOpen {
		if err := hold(from("192.0.2.1", one), watch); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if err := hold(from("192.0.2.1", t.Context()), watch); fault.ReasonOf(err) != "TOO_MANY_CALLS_AT_ONCE" {
		t.Errorf("one more: %v", err)
	}
	if err := hold(from("192.0.2.2", t.Context()), watch); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if err := hold(from("192.0.2.1", with("Bearer "+known)), watch); err != nil {
		t.Errorf("who is known: %v", err)
	}
	end()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err := hold(from("192.0.2.1", t.Context()), watch); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("calls that have ended still count")
		}
	}
}

// A token that is remembered expires all the same.
func TestRememberedTokensExpire(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	token := p.Token(t, now, authtest.Claims{"exp": now.Add(10 * time.Minute).Unix()})
	s.wantKnown(t, "at first", token)
	s.wait(9 * time.Minute)
	s.wantKnown(t, "before it expires", token)
	s.wait(90*time.Second + skew)
	s.wantReason(t, "when it has expired", "UNAUTHENTICATED", "Bearer "+token)
}
