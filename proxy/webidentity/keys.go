package webidentity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"golang.org/x/sync/singleflight"
)

// How often keys are fetched.
const (
	// RefetchEvery is the shortest time between two attempts, whatever tokens name.
	RefetchEvery = 10 * time.Second
	// RefreshEvery is how old known keys get before they are fetched again, in the background of the requests that use
	// them.
	RefreshEvery = 5 * time.Minute
)

// mostKeys bounds how many keys of an issuer are read, and the size of an RSA key, in bits, from both sides.
const (
	mostKeys    = 100
	shortestRSA = 2048
	longestRSA  = 8192
)

// keys are an issuer's, as they were fetched or as its file has them.
type keys struct {
	source *source // nil: of a file
	now    func() time.Time
	keep   time.Duration
	flight singleflight.Group

	mu      sync.Mutex
	byID    map[string][]jose.JSONWebKey
	fetched time.Time // when the keys were asked for
	tried   time.Time
	err     error // of the last attempt
}

func newKeys(o Options, now func() time.Time) (*keys, error) {
	k := &keys{now: now, keep: o.Keep}
	if o.KeysFile != "" {
		text, err := os.ReadFile(o.KeysFile)
		if err != nil {
			return nil, fmt.Errorf("read the keys of %s: %w", o.URL, err)
		}
		if k.byID, err = parseKeys(text); err != nil {
			return nil, fmt.Errorf("%s: %w", o.KeysFile, err)
		}
		return k, nil
	}
	var err error
	k.source, err = newSource(o)
	return k, err
}

// inherit takes over what was fetched from the same source.
func (k *keys) inherit(before *keys) {
	if k.source == nil || before.source == nil || !k.source.same(before.source) {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	k.byID, k.fetched, k.tried, k.err = before.byID, before.fetched, before.tried, before.err
}

// find returns the keys with an id that may sign with an algorithm; none isn't an error. An error means that it can't
// be known.
func (k *keys) find(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
	if k.source == nil {
		return usable(k.byID[id], algorithm), nil
	}
	now := k.now()
	k.mu.Lock()
	known, age := k.byID[id], now.Sub(k.fetched)
	due := now.Sub(k.tried) >= RefetchEvery || now.Before(k.tried)
	err := k.err
	k.mu.Unlock()
	switch {
	case known != nil && age < RefreshEvery:
	case known != nil && age < k.keep:
		if due { // the requests don't wait for it
			go func() { _ = k.fetch(context.WithoutCancel(ctx)) }()
		}
	case due:
		if err = k.fetch(ctx); err == nil {
			k.mu.Lock()
			known = k.byID[id]
			k.mu.Unlock()
		} else if age >= k.keep {
			return nil, err
		}
	case err != nil && age >= k.keep:
		return nil, err
	}
	return usable(known, algorithm), nil
}

// fetch fetches the keys, once for all who want them.
func (k *keys) fetch(ctx context.Context) error {
	_, err, _ := k.flight.Do("", func() (any, error) {
		began := k.now()
		k.mu.Lock()
		k.tried = began
		k.mu.Unlock()
		text, err := k.source.keys(context.WithoutCancel(ctx)) // one caller's end isn't the others'
		var byID map[string][]jose.JSONWebKey
		if err == nil {
			byID, err = parseKeys(text)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.err = err; err == nil {
			k.byID, k.fetched = byID, began
		}
		return nil, err
	})
	return err
}

func (k *keys) state(url string) State {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, list := range k.byID {
		n += len(list)
	}
	return State{URL: url, Keys: n, Fetched: k.fetched, Err: k.err}
}

// parseKeys reads a JWKS by key id. Keys that can't sign a token are left out: an issuer may have others.
func parseKeys(text []byte) (map[string][]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("read the issuer's keys: %w", err)
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("the issuer has %d keys, of at most %d", len(set.Keys), mostKeys)
	}
	byID := make(map[string][]jose.JSONWebKey)
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && key.KeyID != "" && signs(&key) {
			byID[key.KeyID] = append(byID[key.KeyID], key)
		}
	}
	if len(byID) == 0 {
		return nil, errors.New("the issuer has no key with an id that can sign tokens with RS256, ES256 or EdDSA")
	}
	return byID, nil
}

// signs reports whether a key is a public one that may sign, and sets its algorithm.
func signs(key *jose.JSONWebKey) bool {
	var algorithm jose.SignatureAlgorithm
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if n := public.N.BitLen(); n < shortestRSA || n > longestRSA {
			return false
		}
		algorithm = jose.RS256
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return false
		}
		algorithm = jose.ES256
	case ed25519.PublicKey:
		algorithm = jose.EdDSA
	default:
		return false
	}
	if key.Algorithm != "" && key.Algorithm != string(algorithm) || key.Use != "" && key.Use != "sig" || !key.Valid() {
		return false
	}
	key.Algorithm = string(algorithm)
	return true
}

func usable(list []jose.JSONWebKey, algorithm string) (may []jose.JSONWebKey) {
	for _, key := range list {
		if key.Algorithm == algorithm {
			may = append(may, key)
		}
	}
	return may
}
