package webidentity_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sealfront/proxy/proxytest"
	"sealfront/proxy/webidentity"
)

// A clock is set by the test.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func options(i *proxytest.Issuer) webidentity.Options {
	return webidentity.Options{
		URL: i.URL, Algorithms: []string{"RS256", "ES256"}, Skew: time.Minute, MaxAge: 24 * time.Hour, Keep: 24 * time.Hour,
	}
}

func open(t *testing.T, c *clock, list ...webidentity.Options) *webidentity.Issuers {
	t.Helper()
	s, err := webidentity.New(list, nil, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refused checks why a token is refused.
func refused(t *testing.T, s *webidentity.Issuers, token string, want webidentity.Kind) {
	t.Helper()
	got, err := s.Verify(t.Context(), token)
	var e *webidentity.Error
	if !errors.As(err, &e) || e.Kind != want {
		t.Errorf("%.60s…: %+v, %v, want kind %d", token, got, err, want)
	}
}

func accepted(t *testing.T, s *webidentity.Issuers, token string) *webidentity.Token {
	t.Helper()
	got, err := s.Verify(t.Context(), token)
	if err != nil {
		t.Errorf("%.60s…: %v", token, err)
	}
	return got
}

func TestTokens(t *testing.T) {
	i := proxytest.NewIssuer(t)
	s := open(t, new(clock), options(i))
	got := accepted(t, s, i.Token("me", "us", map[string]any{
		"groups": []string{"a", "b"}, "admin": true, "n": 1, "o": map[string]string{"p": "q"}, "mixed": []any{"a", 1},
	}))
	want := map[string][]string{
		"iss": {i.URL}, "sub": {"me"}, "aud": {"us"}, "groups": {"a", "b"}, "admin": {"true"},
	}
	if got.Issuer != i.URL || got.Subject != "me" || len(got.Audience) != 1 || got.Audience[0] != "us" {
		t.Errorf("%+v", got)
	}
	if !maps.EqualFunc(got.Claims, want,
		func(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }) {
		t.Errorf("claims %v", got.Claims)
	}
	both := accepted(t, s, i.Token("me", "", map[string]any{"aud": []string{"us", "them"}}))
	if len(both.Audience) != 2 {
		t.Errorf("%+v", both)
	}
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEC(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// unsigned is a token with this header and any signature.
func unsigned(header, payload, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode([]byte(signature))
}

func TestForgedTokensAreRefused(t *testing.T) {
	i, other := proxytest.NewIssuer(t), proxytest.NewIssuer(t)
	foreign := proxytest.NewIssuer(t)
	s := open(t, new(clock), options(i), options(other))
	payload := func(from *proxytest.Issuer, more map[string]any) string {
		text, err := json.Marshal(from.Claims("me", "us", more))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mine := payload(i, nil)
	public, err := x509.MarshalPKIXPublicKey(i.PrivateKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	stranger := newEC(t, elliptic.P256())
	named := func(id string, key any) jose.JSONWebKey { return jose.JSONWebKey{Key: key, KeyID: id} }
	good := i.Token("me", "us", nil)
	parts := strings.Split(good, ".")
	for name, c := range map[string]struct {
		token string
		want  webidentity.Kind
	}{
		"nothing":      {"", webidentity.Malformed},
		"no token":     {"token", webidentity.Malformed},
		"too long":     {good + strings.Repeat("A", 20_000), webidentity.Malformed},
		"no signature": {parts[0] + "." + parts[1] + ".", webidentity.Forged},
		"another's signature": {
			i.Token("me", "them", nil)[:strings.LastIndex(i.Token("me", "them", nil), ".")] + "." + parts[2], webidentity.Forged,
		},
		"JSON serialization": {
			`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
			webidentity.Malformed,
		},
		"alg none":          {unsigned(`{"alg":"none","kid":"k1"}`, mine, ""), webidentity.Malformed},
		"alg None":          {unsigned(`{"alg":"None","kid":"k1"}`, mine, "x"), webidentity.Malformed},
		"HS256, public key": {proxytest.SignToken(t, jose.HS256, named("k1", public), mine, nil), webidentity.Malformed},
		"HS256, key's PEM":  {proxytest.SignToken(t, jose.HS256, named("k1", pemKey), mine, nil), webidentity.Malformed},
		"ES384": {
			proxytest.SignToken(t, jose.ES384, named("k1", newEC(t, elliptic.P384())), mine, nil), webidentity.Malformed,
		},
		"RS256 with that kid": {
			proxytest.SignToken(t, jose.RS256, named("k1", newRSA(t, 2048)), mine, nil), webidentity.Forged,
		},
		"a stranger's key": {proxytest.SignToken(t, jose.ES256, named("k1", stranger), mine, nil), webidentity.Forged},
		"no kid":           {proxytest.SignToken(t, jose.ES256, i.PrivateKey(), mine, nil), webidentity.Malformed},
		"an unknown kid":   {proxytest.SignToken(t, jose.ES256, named("k9", stranger), mine, nil), webidentity.Forged},
		"the key in the token": {
			proxytest.SignToken(t, jose.ES256, named("k1", stranger), mine,
				map[jose.HeaderKey]any{"jwk": named("k1", stranger.Public())}),
			webidentity.Forged,
		},
		"the key's URL": {
			proxytest.SignToken(t, jose.ES256, named("k1", stranger), mine,
				map[jose.HeaderKey]any{"jku": foreign.URL + "/keys"}),
			webidentity.Forged,
		},
		"unknown crit": {
			proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()), mine,
				map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}),
			webidentity.Forged,
		},
		"another issuer's key": {
			proxytest.SignToken(t, jose.ES256, named("k1", other.PrivateKey()), mine, nil), webidentity.Forged,
		},
		"an unknown issuer": {foreign.Token("me", "us", nil), webidentity.Foreign},
		"issuer with a slash": {
			proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()), payload(i, map[string]any{"iss": i.URL + "/"}), nil),
			webidentity.Foreign,
		},
		"no issuer":           {i.Token("me", "us", map[string]any{"iss": nil}), webidentity.Malformed},
		"issuer of no text":   {i.Token("me", "us", map[string]any{"iss": 1}), webidentity.Malformed},
		"no subject":          {i.Token("me", "us", map[string]any{"sub": nil}), webidentity.Malformed},
		"empty subject":       {i.Token("", "us", nil), webidentity.Malformed},
		"no audience":         {i.Token("me", "us", map[string]any{"aud": nil}), webidentity.Malformed},
		"audience of numbers": {i.Token("me", "us", map[string]any{"aud": []int{1}}), webidentity.Malformed},
		"no expiry":           {i.Token("me", "us", map[string]any{"exp": nil}), webidentity.Malformed},
		"expiry of text":      {i.Token("me", "us", map[string]any{"exp": "2030"}), webidentity.Malformed},
		"expiry out of range": {i.Token("me", "us", map[string]any{"exp": 1e300}), webidentity.Malformed},
		"no time of issue":    {i.Token("me", "us", map[string]any{"iat": nil}), webidentity.Malformed},
		"nbf of text":         {i.Token("me", "us", map[string]any{"nbf": "now"}), webidentity.Malformed},
		"a claim twice": {
			proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()),
				strings.Replace(mine, `"sub":"me"`, `"sub":"you","sub":"me"`, 1), nil),
			webidentity.Malformed,
		},
		"a claim twice, deep": {
			proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()),
				strings.Replace(mine, `"sub":"me"`, `"sub":"me","x":{"y":1,"y":2}`, 1), nil),
			webidentity.Malformed,
		},
		"no JSON": {proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()), "claims", nil), webidentity.Malformed},
		"a list": {
			proxytest.SignToken(t, jose.ES256, named("k1", i.PrivateKey()), "["+mine+"]", nil), webidentity.Malformed,
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, s, c.token, c.want) })
	}
	accepted(t, s, good)
}

func TestEveryAlgorithm(t *testing.T) {
	i := proxytest.NewIssuer(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, ecKey := newRSA(t, 2048), newEC(t, elliptic.P256())
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: public, KeyID: "EdDSA"}, {Key: rsaKey.Public(), KeyID: "RS256"}, {Key: ecKey.Public(), KeyID: "ES256"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(i)
	o.Algorithms, o.KeysFile = webidentity.Algorithms, filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(o.KeysFile, set, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, new(clock), o)
	payload, err := json.Marshal(i.Claims("me", "us", nil))
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[jose.SignatureAlgorithm]any{
		jose.EdDSA: private, jose.RS256: rsaKey, jose.ES256: ecKey,
	} {
		named := jose.JSONWebKey{Key: key, KeyID: string(algorithm)}
		accepted(t, s, proxytest.SignToken(t, algorithm, named, string(payload), nil))
	}
}

func TestAlgorithmsAreTheIssuers(t *testing.T) {
	i := proxytest.NewIssuer(t)
	o := options(i)
	o.Algorithms = []string{"RS256"}
	refused(t, open(t, new(clock), o), i.Token("me", "us", nil), webidentity.Malformed)
}

func TestTimes(t *testing.T) {
	i := proxytest.NewIssuer(t)
	for name, c := range map[string]struct {
		claims map[string]int64 // seconds from now
		want   webidentity.Kind // 0: it is good
	}{
		"good":                        {nil, 0},
		"expired within the skew":     {map[string]int64{"exp": -30}, 0},
		"expired":                     {map[string]int64{"exp": -61}, webidentity.Expired},
		"not yet, within the skew":    {map[string]int64{"nbf": 30}, 0},
		"not yet":                     {map[string]int64{"nbf": 90}, webidentity.NotYet},
		"issued later":                {map[string]int64{"iat": 90}, webidentity.NotYet},
		"as old as it may be":         {map[string]int64{"iat": -24 * 3600, "nbf": -24 * 3600}, 0},
		"older, whatever it says":     {map[string]int64{"iat": -24*3600 - 90, "exp": 1e6}, webidentity.Expired},
		"good for ever, and just now": {map[string]int64{"exp": 1e9}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			more := make(map[string]any)
			for claim, after := range c.claims {
				more[claim] = time.Now().Unix() + after
			}
			s, token := open(t, new(clock), options(i)), i.Token("me", "us", more)
			if c.want == 0 {
				accepted(t, s, token)
			} else {
				refused(t, s, token, c.want)
			}
		})
	}
}
