package sigv4

import (
	"slices"
	"time"
)

// Options are what a Verifier is made from. All but Regions may be left zero.
type Options struct {
	// Regions are the regions accepted in a credential scope; the first is the one that errors name. Required.
	Regions []string

	// Now is the clock, time.Now by default.
	Now func() time.Time

	// SigningKeys bounds the number of cached signing keys, 4,096 by default. A key takes about 1 KiB.
	SigningKeys int

	// VerboseMismatch adds the string to sign and the canonical request to SignatureDoesNotMatch, as S3 does. They hold
	// nothing but what the client sent.
	VerboseMismatch bool
}

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	regions []string
	now     func() time.Time
	verbose bool
	keys    *keyCache
	layouts layouts
}

// NewVerifier returns a Verifier. It panics if o names no region.
func NewVerifier(o Options) *Verifier {
	if len(o.Regions) == 0 {
		panic("sigv4: internal error: a Verifier without regions")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SigningKeys <= 0 {
		o.SigningKeys = defaultSigningKeys
	}
	return &Verifier{
		regions: slices.Clone(o.Regions), now: o.Now, verbose: o.VerboseMismatch, keys: newKeyCache(o.SigningKeys),
	}
}

const defaultSigningKeys = 4096
