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
	"net/http"
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

func TestUnknownKeysAreAskedForRarely(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := new(clock)
	s := open(t, c, options(i))
	accepted(t, s, i.Token("me", "us", nil))
	payload, err := json.Marshal(i.Claims("me", "us", nil))
	if err != nil {
		t.Fatal(err)
	}
	forged := proxytest.SignToken(t, jose.ES256, jose.JSONWebKey{Key: newEC(t, elliptic.P256()), KeyID: "x"},
		string(payload), nil)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { refused(t, s, forged, webidentity.Forged) })
	}
	all.Wait()
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	c.pass(webidentity.RefetchEvery)
	for range 100 {
		refused(t, s, forged, webidentity.Forged)
	}
	if n := i.Fetches.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
	i.AddKey("k2")
	fresh := i.Token("me", "us", nil)
	refused(t, s, fresh, webidentity.Forged) // it isn't asked again yet
	c.pass(webidentity.RefetchEvery)
	accepted(t, s, fresh)
}

func TestKeysAreReplaced(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := new(clock)
	s := open(t, c, options(i))
	old := i.Token("me", "us", nil)
	accepted(t, s, old)
	i.AddKey("k2")
	i.RemoveKey()
	accepted(t, s, old) // as fetched
	c.pass(webidentity.RefreshEvery)
	accepted(t, s, old) // and has them fetched
	proxytest.Eventually(t, "the refusal of a key that was withdrawn", func() bool {
		_, err := s.Verify(t.Context(), old)
		return err != nil
	})
	accepted(t, s, i.Token("me", "us", nil))
}

func TestTheIssuerIsAway(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := new(clock)
	s := open(t, c, options(i))
	away := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	i.Answer(away)
	refused(t, s, i.Token("me", "us", nil), webidentity.Unavailable)
	refused(t, s, i.Token("me", "us", nil), webidentity.Unavailable)
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	i.Answer(nil)
	c.pass(webidentity.RefetchEvery)
	accepted(t, s, i.Token("me", "us", nil))
	i.Answer(away)
	at := func() map[string]any {
		return map[string]any{"iat": c.now().Unix(), "nbf": nil, "exp": c.now().Unix() + 600}
	}
	for range 3 {
		c.pass(7 * time.Hour)
		accepted(t, s, i.Token("me", "us", at()))
	}
	i.AddKey("k2") // nobody has seen it
	c.pass(webidentity.RefetchEvery)
	refused(t, s, i.Token("me", "us", at()), webidentity.Forged)
	if states := s.States(); len(states) != 1 || states[0].Err == nil || states[0].Keys != 1 ||
		states[0].Fetched.IsZero() {
		t.Errorf("%+v", states)
	}
	c.pass(4 * time.Hour)
	refused(t, s, i.Token("me", "us", at()), webidentity.Unavailable)
	i.Answer(nil)
	c.pass(webidentity.RefetchEvery)
	accepted(t, s, i.Token("me", "us", at()))
}

// What an issuer answers is refused when it can't be read, or leads elsewhere.
func TestAnswersOfIssuers(t *testing.T) {
	i := proxytest.NewIssuer(t)
	keys := `{"keys":[]}`
	weak, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: newRSA(t, 1024).Public(), KeyID: "k1"},
		{Key: newEC(t, elliptic.P384()).Public(), KeyID: "k1"},
		{Key: []byte("secret"), KeyID: "k1"},
		{Key: newEC(t, elliptic.P256()).Public()},
		{Key: newEC(t, elliptic.P256()).Public(), KeyID: "k1", Use: "enc"},
		{Key: newEC(t, elliptic.P256()).Public(), KeyID: "k1", Algorithm: "RS256"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	many := `{"keys":[` + strings.Repeat(`{"kty":"x"},`, 200) + `{"kty":"x"}]}`
	discovery := func(issuer, at string) string { return `{"issuer":"` + issuer + `","jwks_uri":"` + at + `"}` }
	for name, c := range map[string]struct{ discovery, keys string }{
		"no discovery":       {"", keys},
		"no JSON":            {"<html>", keys},
		"another issuer's":   {discovery("https://example.com", i.URL+"/keys"), keys},
		"keys in the clear":  {discovery(i.URL, "http://192.0.2.1/keys"), keys},
		"keys in a file":     {discovery(i.URL, "file:///etc/passwd"), keys},
		"long discovery":     {discovery(i.URL, i.URL+"/keys") + strings.Repeat(" ", 1<<17), keys},
		"no keys":            {discovery(i.URL, i.URL+"/keys"), keys},
		"keys that are none": {discovery(i.URL, i.URL+"/keys"), "[]"},
		"keys that can't":    {discovery(i.URL, i.URL+"/keys"), string(weak)},
		"too many keys":      {discovery(i.URL, i.URL+"/keys"), many},
		"endless keys":       {discovery(i.URL, i.URL+"/keys"), keys + strings.Repeat(" ", 1<<19)},
		"a redirect":         {"redirect", keys},
	} {
		t.Run(name, func(t *testing.T) {
			i.Answer(func(w http.ResponseWriter, r *http.Request) {
				text := c.keys
				if strings.HasSuffix(r.URL.Path, "openid-configuration") {
					text = c.discovery
				}
				switch text {
				case "":
					w.WriteHeader(http.StatusNotFound)
				case "redirect":
					http.Redirect(w, r, i.URL+"/elsewhere", http.StatusFound)
				default:
					_, _ = w.Write([]byte(text))
				}
			})
			refused(t, open(t, new(clock), options(i)), i.Token("me", "us", nil), webidentity.Unavailable)
		})
	}
}

// Keys may be in a file, or at a URL that the configuration names and that wants a token.
func TestKeysFromElsewhere(t *testing.T) {
	i := proxytest.NewIssuer(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.PrivateKey().Public(), KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(i)
	o.KeysFile = write("keys.json", string(set))
	s := open(t, new(clock), o)
	accepted(t, s, i.Token("me", "us", nil))
	if i.Fetches.Load() != 0 {
		t.Error("keys of a file were fetched")
	}
	o.KeysFile, o.KeysURL, o.TokenFile = "", i.URL+"/other", write("token", "secret\n")
	i.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/other" || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(set)
	})
	s = open(t, new(clock), o)
	accepted(t, s, i.Token("me", "us", nil))
	// What stays the same keeps its keys.
	again, err := webidentity.New([]webidentity.Options{o}, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := i.Fetches.Load()
	accepted(t, again, i.Token("me", "us", nil))
	if i.Fetches.Load() != before {
		t.Error("keys were fetched again")
	}
	for name, bad := range map[string]webidentity.Options{
		"no file":  {URL: "https://a", KeysFile: filepath.Join(dir, "none")},
		"no keys":  {URL: "https://a", KeysFile: write("bad.json", "{}")},
		"no CA":    {URL: "https://a", CA: filepath.Join(dir, "none")},
		"empty CA": {URL: "https://a", CA: write("ca.pem", "")},
	} {
		if _, err := webidentity.New([]webidentity.Options{bad}, nil, nil); err == nil {
			t.Error(name, "was taken")
		}
	}
	if _, err := webidentity.New([]webidentity.Options{o, o}, nil, nil); err == nil {
		t.Error("an issuer was taken twice")
	}
}
