package proxytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An Issuer issues web identity tokens, as a cluster does for its service accounts, and shows its keys.
type Issuer struct {
	URL string
	// Fetches counts requests for its keys.
	Fetches atomic.Int64

	t      testing.TB
	server *httptest.Server

	mu     sync.Mutex
	keys   []jose.JSONWebKey // private; the last one signs
	answer http.HandlerFunc  // instead of its own; nil: its own
}

// NewIssuer starts an issuer with one key, which ends with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	i.AddKey("k1")
	return i
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	answer, set := i.answer, jose.JSONWebKeySet{}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	i.mu.Unlock()
	switch {
	case answer != nil:
		i.Fetches.Add(1)
		answer(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	case r.URL.Path == "/keys":
		i.Fetches.Add(1)
		_ = json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

// Answer has the issuer answer all requests by f; nil: by itself again.
func (i *Issuer) Answer(f http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

// AddKey adds a key, ES256, which signs from now on.
func (i *Issuer) AddKey(id string) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"})
}

// RemoveKey removes the oldest key.
func (i *Issuer) RemoveKey() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[1:]
}

// Claims are those of a token for an audience, valid for ten minutes, with what more says; nil there removes a claim.
func (i *Issuer) Claims(subject, audience string, more map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "sub": subject, "aud": audience, "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(10 * time.Minute).Unix(),
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// Token is a token of the issuer with Claims.
func (i *Issuer) Token(subject, audience string, more map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	payload, err := json.Marshal(i.Claims(subject, audience, more))
	if err != nil {
		i.t.Fatal(err)
	}
	return SignToken(i.t, jose.ES256, key, string(payload), nil)
}

// WriteToken writes a token to a file as a cluster does, by renaming.
func (i *Issuer) WriteToken(name, token string) {
	i.t.Helper()
	next := name + ".next"
	if err := os.WriteFile(next, []byte(token), 0o600); err != nil {
		i.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Clean(name)); err != nil {
		i.t.Fatal(err)
	}
}

// SignToken signs a payload; header has more of its header.
func SignToken(
	t testing.TB, algorithm jose.SignatureAlgorithm, key any, payload string, header map[jose.HeaderKey]any,
) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		o = o.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// PrivateKey is the key that signs now.
func (i *Issuer) PrivateKey() crypto.Signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1].Key.(*ecdsa.PrivateKey)
}

// RolesConfig is the part of a configuration in which the issuer's tokens with this subject may assume a role.
func (i *Issuer) RolesConfig(role, subject, audience, policy string) string {
	_, host, _ := strings.Cut(i.URL, "://")
	return fmt.Sprintf(`
issuers: [{url: %q}]
roles:
- name: %s
  trust: [{issuer: %q, audience: [%s], condition: {StringEquals: {"%s:sub": [%q]}}}]
  policy: %s
`, i.URL, role, i.URL, audience, host, subject, policy)
}
