package sigv4

import "strings"

// CachedKeys returns the number of cached signing keys.
func (v *Verifier) CachedKeys() int {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	return len(v.keys.keys)
}

// CachedScopes returns what the cached signing keys are for, the one used last first.
func (v *Verifier) CachedScopes() (scopes []string) {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	for k := v.keys.newest.Load(); k != nil; k = k.older {
		scopes = append(scopes, strings.Replace(k.name, "/"+terminal, "", 1))
	}
	return scopes
}

// Internals that the fuzz targets hold against plain definitions.
var (
	AppendCanonicalURI = appendCanonicalURI
	ValidEscapes       = validEscapes
)

// CanonicalQuery returns the canonical form of a raw query.
func CanonicalQuery(query []byte) []byte {
	var c canonicalizer
	return c.appendCanonicalQuery(nil, query)
}

// ParseAuthorization returns the parts of what follows the scheme in an Authorization header.
func ParseAuthorization(s []byte) (accessKeyID, scope, signedHeaders, signature []byte, err error) {
	a, err := parseAuthorization(s)
	return a.credential.accessKeyID, a.credential.scope, a.signedHeaders, a.signature, err
}

// Remembered reports whether a was read with the help of a layout.
func (a *Authentication) Remembered() bool { return a.layout != nil }

// What fastpath_bytes.go does.
var (
	HasControl = hasControl
	AppendHex  = appendHex
)

// Remembers reports whether the header of m has a layout.
func (s *Signer) Remembers(m *Message) bool { return s.layouts.find(m.Header) != nil }

// ParseTimestamp is parseTimestamp.
var ParseTimestamp = parseTimestamp

// Skewed is skewed.
var Skewed = skewed
