package webidentity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Options are an issuer's. URL and Algorithms are required.
type Options struct {
	URL        string // of the claim iss, exactly
	Algorithms []string
	KeysURL    string // of its keys (JWKS); "": as its discovery document says
	KeysFile   string // a file with its keys; nothing is fetched then
	CA         string // PEM file with the authority of its certificate; "": the system's
	TokenFile  string // with a bearer token that the issuer wants from who fetches; "": none

	Skew   time.Duration // of clocks
	MaxAge time.Duration // of a token
	Keep   time.Duration // for how long keys go on that can't be fetched again
}

// Algorithms are those that a token may be signed with.
var Algorithms = []string{string(jose.RS256), string(jose.ES256), string(jose.EdDSA)}

// An Issuer is one whose tokens are accepted.
type Issuer struct {
	o    Options
	keys *keys
	now  func() time.Time
}

// Issuers are all whose tokens are accepted. They are safe for concurrent use.
type Issuers struct {
	byURL      map[string]*Issuer
	algorithms []jose.SignatureAlgorithm
}

// New makes Issuers. Files are read; nothing is fetched before a token needs it. What is the same in earlier, nil for
// none, keeps the keys that were fetched.
func New(list []Options, earlier *Issuers, now func() time.Time) (*Issuers, error) {
	if now == nil {
		now = time.Now
	}
	s := &Issuers{byURL: make(map[string]*Issuer)}
	for _, a := range Algorithms {
		s.algorithms = append(s.algorithms, jose.SignatureAlgorithm(a))
	}
	for i := range list {
		o := list[i]
		keys, err := newKeys(o, now)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d]: %w", i, err)
		}
		if s.byURL[o.URL] != nil {
			return nil, fmt.Errorf("issuers[%d]: %s is named twice", i, o.URL)
		}
		if earlier != nil {
			if before := earlier.byURL[o.URL]; before != nil {
				keys.inherit(before.keys)
			}
		}
		s.byURL[o.URL] = &Issuer{o: o, keys: keys, now: now}
	}
	return s, nil
}

// State is what an operator wants to know of an issuer.
type State struct {
	URL     string
	Keys    int
	Fetched time.Time // zero: not yet, or from a file
	Err     error     // of the last attempt
}

// States returns the state of each issuer, in the order of URLs.
func (s *Issuers) States() (list []State) {
	for _, url := range slices.Sorted(maps.Keys(s.byURL)) {
		list = append(list, s.byURL[url].keys.state(url))
	}
	return list
}

// Fetch fetches the keys of all issuers that have them fetched, and returns their states.
func (s *Issuers) Fetch(ctx context.Context) []State {
	for _, i := range s.byURL {
		if i.keys.source != nil {
			_ = i.keys.fetch(ctx) // the state has its error
		}
	}
	return s.States()
}

// Failing is how many issuers' keys could not be fetched at the last attempt.
func (s *Issuers) Failing() (n int) {
	for _, state := range s.States() {
		if state.Err != nil {
			n++
		}
	}
	return n
}
