package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/incentives-dev/incentives/internal/clock"
)

const (
	// keysLast is how long an issuer's keys are taken for its keys without asking again: so soon one that it has given up is refused.
	keysLast = time.Minute
	// keysKept is how long they are held on to without an answer.
	keysKept = time.Hour
	// askEvery bounds how often it is asked, however many tokens name keys that it does not have.
	askEvery = 5 * time.Second
	// mostKeys is the largest answer that is read, in bytes.
	mostKeys = 1 << 20
)

// An unreadKey has a context's place for why the issuer's keys can't be read: then nothing can be said about a token.
type unreadKey struct{}

// keys are an issuer's public keys. The verifier of tokens asks them, by oidc.KeySet, whether a signature is the issuer's.
//
// go-oidc has a set of its own, which asks the issuer once for every token with a key that it does not know, and never
// gives up one that it has seen.
type keys struct {
	url        string
	algorithms []jose.SignatureAlgorithm
	client     *http.Client
	clock      clock.Clock

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	read    time.Time     // when set was read; zero before the first time
	asked   time.Time     // when the issuer was last asked
	asking  chan struct{} // closed when it has answered; nil while it is not asked
	failure error         // of the last time
}

// VerifySignature returns what a token holds, if its signature is the issuer's.
func (k *keys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, k.algorithms)
	if err != nil {
		return nil, err
	}
	if len(signed.Signatures) != 1 {
		return nil, fmt.Errorf("it has %d signatures", len(signed.Signatures))
	}
	id := signed.Signatures[0].Header.KeyID
	known, err := k.get(ctx, id)
	if err != nil {
		// The verifier hands on what an error says, and not the error.
		if unread, ok := ctx.Value(unreadKey{}).(*error); ok {
			*unread = err
		}
		return nil, err
	}
	for i := range known {
		if payload, err := signed.Verify(&known[i]); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("its signature is by no key of the issuer's")
}

// get returns the keys with an id, or all where it is "". It waits for the issuer only where it has none.
func (k *keys) get(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	found, asking, err := k.held(ctx, id)
	if len(found) > 0 || asking == nil {
		return found, err
	}
	select {
	case <-asking:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found, _, err = k.held(ctx, id)
	return found, err
}

// held returns the keys with an id that are known, and asks the issuer in the background where it is time to: asking is closed
// when it has answered.
func (k *keys) held(ctx context.Context, id string) (found []jose.JSONWebKey, asking chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock()
	if now.Sub(k.read) < keysKept {
		found = k.set.Key(id)
		if id == "" {
			found = k.set.Keys
		}
	}
	wanted := len(found) == 0 || now.Sub(k.read) >= keysLast
	if wanted && k.asking == nil && (k.asked.IsZero() || now.Sub(k.asked) >= askEvery) {
		k.asked, k.asking = now, make(chan struct{})
		go k.refresh(context.WithoutCancel(ctx))
	}
	if len(found) == 0 {
		err = k.failure
	}
	return found, k.asking, err
}

// refresh reads the keys and lets those go on that wait for them.
func (k *keys) refresh(ctx context.Context) {
	set, err := k.ask(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure = err; err == nil {
		k.set, k.read = set, k.clock()
	}
	close(k.asking)
	k.asking = nil
}

// ask reads the issuer's keys.
func (k *keys) ask(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	ctx, cancel := context.WithTimeout(ctx, issuerPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return set, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return set, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return set, fmt.Errorf("%s answers %s", k.url, response.Status)
	}
	var all jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(response.Body, mostKeys)).Decode(&all); err != nil {
		return set, fmt.Errorf("%s: %w", k.url, err)
	}
	for _, key := range all.Keys {
		// A symmetric key would be public, and anybody could sign with it.
		if key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			set.Keys = append(set.Keys, key)
		}
	}
	return set, nil
}
