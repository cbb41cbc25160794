package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
)

const (
	// keysLast is how long keys are used before the issuer is asked again, and so how long a withdrawn key still works.
	keysLast = time.Minute
	// keysKept is how long they are held on to without an answer.
	keysKept = time.Hour
	// A token that names an unknown key makes us ask the issuer: at most once in askEvery for one address, and once in askEveryForAll over
	// all of them, so that a stranger with invented keys cannot long delay anybody's new key.
	askEvery       = 5 * time.Second
	askEveryForAll = time.Second
	// mostWaiting is how many calls wait at once for an issuer to answer; others are UNAVAILABLE without waiting.
	mostWaiting = 64
	// mostKeys is the largest answer that is read, in bytes.
	mostKeys = 1 << 20
)

// A verification is how one goes on: what the verifier of tokens does not pass on.
type verification struct {
	mayWait    bool  // for the issuer
	unread     error // why the issuer's keys can't be read: then nothing can be said about a token
	generation int   // of the keys by which it was verified
	forged     bool  // it names a key of the issuer's, and is not signed by it
	unknownKey bool  // it names a key that the issuer does not have
}

type verificationKey struct{}

// keys are an issuer's public keys. The verifier of tokens asks them, by oidc.KeySet, whether a signature is the issuer's.
//
// go-oidc has a set of its own, which asks the issuer once for every token with a key that it does not know, and never
// gives up one that it has seen.
type keys struct {
	url        string
	algorithms []jose.SignatureAlgorithm
	client     *http.Client
	clock      clock.Clock
	waiting    *limit.Places
	sources    *lru.Cache[string, time.Time] // when it was asked for an address because a key was missing

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	read    time.Time     // when set was read; zero before the first time
	asked   time.Time     // when the issuer was last asked
	asking  chan struct{} // closed when it has answered; nil while it is not asked
	failure error         // of the last time
	changes int           // of set
}

// current returns how often the keys have changed, and whether they can be relied on; they are read again when it is time to.
func (k *keys) current(ctx context.Context) (generation int, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.freshen(ctx, false)
	return k.changes, k.clock().Sub(k.read) < keysKept
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
	progress, ok := ctx.Value(verificationKey{}).(*verification)
	if !ok {
		progress = &verification{mayWait: true}
	}
	known, generation, err := k.get(ctx, id, progress.mayWait)
	if err != nil {
		progress.unread = err // for the verifier hands on what an error says, and not the error
		return nil, err
	}
	progress.generation = generation
	for i := range known {
		if payload, err := signed.Verify(&known[i]); err == nil {
			return payload, nil
		}
	}
	progress.forged, progress.unknownKey = len(known) > 0, len(known) == 0
	return nil, errors.New("its signature is by no key of the issuer's")
}

// get returns the keys with an id, or all where it is "". It waits for the issuer only where it has none, and may.
func (k *keys) get(ctx context.Context, id string, mayWait bool) (found []jose.JSONWebKey, generation int, err error) {
	found, generation, asking, err := k.held(ctx, id)
	if len(found) > 0 || asking == nil {
		return found, generation, err
	}
	if !mayWait {
		return nil, 0, errUndecided
	}
	leave, ok := k.waiting.Take("", mostWaiting)
	if !ok {
		return nil, 0, errors.New("too many calls wait for the issuer")
	}
	defer leave()
	select {
	case <-asking:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	found, generation, _, err = k.held(ctx, id)
	return found, generation, err
}

// held returns the keys with an id that are known, and asks the issuer in the background where it is time to: asking is closed
// when it has answered.
func (k *keys) held(ctx context.Context, id string) (found []jose.JSONWebKey, generation int, asking chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clock().Sub(k.read) < keysKept {
		found = k.set.Key(id)
		if id == "" {
			found = k.set.Keys
		}
	}
	k.freshen(ctx, len(found) == 0)
	if len(found) == 0 {
		err = k.failure
	}
	return found, k.changes, k.asking, err
}

// freshen asks the issuer where its keys are old, or one is missing, and it has not just been asked. It is called with k locked.
func (k *keys) freshen(ctx context.Context, missing bool) {
	now := k.clock()
	if k.asking != nil || !missing && now.Sub(k.read) < keysLast {
		return
	}
	pause, source := askEvery, Source(ctx)
	if last, ok := k.sources.Get(source); missing && (!ok || now.Sub(last) >= askEvery) {
		pause = askEveryForAll
	}
	if k.asked.IsZero() || now.Sub(k.asked) >= pause {
		if missing {
			k.sources.Add(source, now)
		}
		k.asked, k.asking = now, make(chan struct{})
		go k.refresh(context.WithoutCancel(ctx))
	}
}

// refresh reads the keys and lets those go on that wait for them.
func (k *keys) refresh(ctx context.Context) {
	set, err := k.ask(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure = err; err == nil {
		if !reflect.DeepEqual(set, k.set) {
			k.changes++
		}
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
	// In one order, so that it shows whether they have changed.
	slices.SortStableFunc(set.Keys, func(a, b jose.JSONWebKey) int { return strings.Compare(a.KeyID, b.KeyID) })
	return set, nil
}
