package transit_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/roottest"
	"sealfront/crypto/keyroot/transit"
)

func TestRootsOfARealServer(t *testing.T) {
	c := startCluster(t)
	for name, settings := range map[string]string{
		"aes256-gcm96":      `{"type": "aes256-gcm96"}`,
		"chacha20-poly1305": `{"type": "chacha20-poly1305"}`,
		"derived":           `{"derived": true}`,
		"convergent":        `{"derived": true, "convergent_encryption": true}`,
	} {
		t.Run(name, func(t *testing.T) {
			c.do("POST", "transit/keys/"+name, settings)
			config := c.config()
			config.Key = name
			other := config
			other.Key = "other"
			roottest.Run(t, open(t, config), open(t, other), open(t, config))
		})
	}
}

func TestKeysOfOtherKindsAreNoRoots(t *testing.T) {
	c := startCluster(t)
	c.do("POST", "transit/keys/rsa", `{"type": "rsa-2048"}`)
	config := c.config()
	config.Key = "rsa"
	if _, err := open(t, config).Wrap(t.Context(), "name", new([32]byte)); err == nil ||
		!strings.Contains(err.Error(), "type must be aes256-gcm96") {
		t.Errorf("got %v", err)
	}
}

// Transit's encrypt would make the key: this token may do everything.
func TestAMissingKeyIsNeverMade(t *testing.T) {
	c := startCluster(t)
	wrapped, _ := wrapOne(t, open(t, c.config()))
	config := c.config()
	config.Key = "typo"
	r := open(t, config)
	_, err := r.Wrap(t.Context(), "name", new([32]byte))
	for what, err := range map[string]error{
		"Wrap": err, "Unwrap": unwrap(t, r, wrapped), "Well": r.Well(t.Context()),
	} {
		if err == nil || errors.Is(err, keyroot.ErrWrong) || !strings.Contains(err.Error(), "typo doesn't exist") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if status, _ := c.try("GET", "transit/keys/typo", ""); status != http.StatusNotFound {
		t.Errorf("status %d: the key was made", status)
	}
}

func TestRotationKeepsWhatWasWrapped(t *testing.T) {
	c := startCluster(t)
	r := open(t, c.config())
	first, _ := wrapOne(t, r)
	c.do("POST", "transit/keys/root/rotate", "{}")
	c.do("POST", "transit/keys/root/rotate", "{}")
	third, _ := wrapOne(t, r)
	rewrapped := transit.Rewrap(first, func(ciphertext string) string {
		if !strings.HasPrefix(ciphertext, "vault:v1:") {
			t.Errorf("got %s", ciphertext)
		}
		body, _ := json.Marshal(map[string]string{"ciphertext": ciphertext})
		return at[string](t, c.do("POST", "transit/rewrap/root", string(body)), "data", "ciphertext")
	})
	for what, wrapped := range map[string][]byte{
		"before the rotation": first, "after it": third, "rewrapped": rewrapped,
	} {
		if err := unwrap(t, r, wrapped); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	zero := transit.Rewrap(first, func(s string) string { return strings.Replace(s, ":v1:", ":v0:", 1) })
	if err := unwrap(t, r, zero); !errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("a ciphertext written otherwise: %v", err)
	}
	c.do("POST", "transit/keys/root/config", `{"min_decryption_version": 3}`)
	if err := unwrap(t, r, first); err == nil || errors.Is(err, keyroot.ErrWrong) ||
		!strings.Contains(err.Error(), "min_decryption_version") {
		t.Errorf("an excluded version: %v", err)
	}
	if err := unwrap(t, r, rewrapped); err != nil {
		t.Errorf("rewrapped, the others excluded: %v", err)
	}
	c.do("POST", "transit/keys/root/config", `{"min_decryption_version": 1}`)
	if err := unwrap(t, r, first); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}

func TestWhatAnOperatorCanMendIsNoDamage(t *testing.T) {
	c := startCluster(t)
	g := roottest.NewGate(t, c.Address, httptest.NewServer)
	config := c.config()
	config.Address, config.Token, config.AppRole = g.URL, keyroot.Secret{}, c.appRole("")
	r := open(t, config)
	wrapped, _ := wrapOne(t, r)
	backup := ""
	for _, step := range []struct {
		what, says string
		do, undo   func()
	}{
		{
			"permission denied", "policy must allow update on transit/datakey/plaintext/root",
			func() { c.SetPolicy(t, `path "transit/keys/*" { capabilities = ["read"] }`) }, func() {
				c.SetPolicy(t,
					roottest.Policy)
			},
		},
		{
			"the key deleted", "doesn't exist in transit",
			func() {
				c.do("POST", "transit/keys/root/config",
					`{"deletion_allowed": true, "exportable": true, "allow_plaintext_backup": true}`)
				backup = at[string](t, c.do("GET", "transit/backup/root", ""), "data", "backup")
				c.do("DELETE", "transit/keys/root", "")
			},
			func() { c.do("POST", "transit/restore/root", `{"backup": "`+backup+`"}`) },
		},
		{
			"throttled", "limits the rate",
			func() { g.SetFault(answerStatus(429, `{"errors": ["request path rate limit quota exceeded"]}`)) },
			func() { g.SetFault(nil) },
		},
		{
			"a load balancer's page", "HTTP status 502",
			func() { g.SetFault(answerStatus(502, "<html>Bad Gateway</html>")) }, func() { g.SetFault(nil) },
		},
		{
			"a page in place of an answer", "isn't JSON",
			func() { g.SetFault(answerStatus(200, "<html>welcome</html>")) }, func() { g.SetFault(nil) },
		},
		{
			"an empty answer", "",
			func() { g.SetFault(answerStatus(503, "")) }, func() { g.SetFault(nil) },
		},
		{
			"sealed", "unseal it", func() { c.do("PUT", "sys/seal", "{}") },
			func() { c.do("PUT", "sys/unseal", `{"key": "`+c.Unseal+`"}`) },
		},
	} {
		step.do()
		for what, err := range map[string]error{"Unwrap": unwrap(t, r, wrapped), "Well": r.Well(t.Context())} {
			if err == nil || errors.Is(err, keyroot.ErrWrong) || !strings.Contains(err.Error(), step.says) {
				t.Errorf("%s: %s: %v", step.what, what, err)
			}
		}
		step.undo()
		// Unsealing, and the end of a short memory of a denial, take a moment.
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			err := unwrap(t, r, wrapped)
			if err == nil {
				break
			}
			if time.Since(start) > time.Minute {
				t.Fatalf("%s is over, but: %v", step.what, err)
			}
		}
	}
	c.do("DELETE", "sys/mounts/transit", "")
	if err := unwrap(t, r, wrapped); err == nil || errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("no engine: %v", err)
	}
}

func TestAServerThatIsAway(t *testing.T) {
	c := startCluster(t)
	g := roottest.NewGate(t, c.Address, httptest.NewServer)
	config := c.config()
	config.Address = g.URL
	r := open(t, config)
	wrapped, _ := wrapOne(t, r)
	g.Close()
	if err := unwrap(t, r, wrapped); err == nil || errors.Is(err, keyroot.ErrWrong) ||
		!strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("away: %v", err)
	}
	if err := unwrap(t, open(t, config), wrapped); err == nil || errors.Is(err, keyroot.ErrWrong) ||
		!strings.Contains(err.Error(), "not logged in") {
		t.Errorf("after a restart: %v", err)
	}
}

func TestAHangingServerEndsInTime(t *testing.T) {
	c := startCluster(t)
	wrapped, _ := wrapOne(t, open(t, c.config()))
	config := c.config()
	config.Timeout = 300 * time.Millisecond
	r := open(t, config)
	for start := time.Now(); unwrap(t, r, wrapped) != nil; {
		if time.Since(start) > time.Minute {
			t.Fatal("it isn't well")
		}
	}
	if err := c.Hang(); err != nil {
		t.Fatal(err)
	}
	for what, root := range map[string]*transit.Root{"logged in": r, "not yet": open(t, config)} {
		start := time.Now()
		err := unwrap(t, root, wrapped)
		if took := time.Since(start); err == nil || errors.Is(err, keyroot.ErrWrong) || took > 20*time.Second {
			t.Errorf("%s: %v after %v", what, err, took)
		}
	}
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); unwrap(t, r, wrapped) != nil; {
		if time.Since(start) > time.Minute {
			t.Fatal("it doesn't recover")
		}
	}
}

// Secrets are in no error and no warning, whatever the server says.
func TestSecretsStayOutOfErrors(t *testing.T) {
	const token, secret = "hvs.verysecrettoken", "verysecretid"
	var texts []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"errors": ["permission denied"]}`))
	}))
	defer server.Close()
	base := transit.Config{Address: server.URL, Key: "root"}
	warned := make(chan string, 16)
	base.Warn = func(text string) { warned <- text }
	byToken, byRole := base, base
	byToken.Token = keyroot.Secret{Value: token}
	byRole.AppRole = &transit.AppRole{RoleID: "role", SecretID: keyroot.Secret{Value: secret}}
	for _, config := range []transit.Config{byToken, byRole} {
		texts = append(texts, open(t, config).Well(t.Context()).Error(), <-warned)
	}
	for _, text := range texts {
		if strings.Contains(text, token) || strings.Contains(text, secret) || !strings.Contains(text, "permission denied") {
			t.Errorf("%s", text)
		}
	}
}

func TestTheEnvironmentDoesNotMoveIt(t *testing.T) {
	c := startCluster(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { t.Error("asked elsewhere") }))
	defer elsewhere.Close()
	for name, value := range map[string]string{
		"VAULT_ADDR": elsewhere.URL, "BAO_ADDR": elsewhere.URL, "VAULT_TOKEN": "none", "VAULT_NAMESPACE": "none",
		"VAULT_SKIP_VERIFY": "true", "HTTP_PROXY": elsewhere.URL, "HTTPS_PROXY": elsewhere.URL,
	} {
		t.Setenv(name, value)
	}
	if err := open(t, c.config()).Well(t.Context()); err != nil {
		t.Error(err)
	}
	trusted := roottest.NewGate(t, c.Address, httptest.NewTLSServer)
	trusted.Config.ErrorLog = nil
	config := c.config()
	config.Address = trusted.URL
	if err := open(t, config).Well(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's: %v", err)
	}
}

// The namespace goes along with each request; a Vault of the open edition refuses to know any.
func TestTheNamespaceGoesAlong(t *testing.T) {
	seen := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.URL.Path + " " + r.Header.Get("X-Vault-Namespace")
		_, _ = w.Write([]byte(`{"data": {"ttl": 0, "plaintext": "` +
			base64.StdEncoding.EncodeToString(make([]byte, 32)) + `", "ciphertext": "vault:v1:` +
			base64.StdEncoding.EncodeToString(make([]byte, 60)) + `"}}`))
	}))
	defer server.Close()
	r := open(t, transit.Config{
		Address: server.URL, Namespace: "/team/a/", Mount: "keys/transit", Key: "root", Cluster: "east",
		Token: keyroot.Secret{Value: "t"},
	})
	wrapOne(t, r)
	for _, want := range []string{"/v1/auth/token/lookup-self team/a", "/v1/keys/transit/datakey/plaintext/root team/a"} {
		if got := <-seen; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if got := r.Identity(); got != "transit:east@team/a/keys/transit/root" {
		t.Errorf("got %s", got)
	}
}

func TestAReplacedTokenFileCounts(t *testing.T) {
	c := startCluster(t)
	create := func() string {
		return at[string](t, c.do("POST", "auth/token/create", `{"policies": ["kms"], "ttl": "1h"}`), "auth", "client_token")
	}
	file := filepath.Join(t.TempDir(), "token")
	first := create()
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	config := c.config()
	config.Token = keyroot.Secret{File: file}
	r := open(t, config)
	wrapped, _ := wrapOne(t, r)
	write(create())
	c.do("POST", "auth/token/revoke", `{"token": "`+first+`"}`)
	if err := unwrap(t, r, wrapped); err != nil {
		t.Errorf("got %v", err)
	}
}
