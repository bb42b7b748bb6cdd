package webidentity_test

import (
	"crypto/elliptic"
	"encoding/json"
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
