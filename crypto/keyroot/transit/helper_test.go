package transit_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/roottest"
	"sealfront/crypto/keyroot/transit"
)

// A cluster is a Vault with Transit at transit, two keys there and the role "kms", which may use both.
type cluster struct {
	*roottest.Vault
	t testing.TB
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{Vault: roottest.StartVault(t), t: t}
	c.do("POST", "sys/mounts/transit", `{"type": "transit"}`)
	c.do("POST", "transit/keys/root", `{}`)
	c.do("POST", "transit/keys/other", `{}`)
	c.SetPolicy(t, roottest.Policy)
	return c
}

// do calls the API as root and fails the test unless that went well.
func (c *cluster) do(method, path, body string) map[string]any {
	c.t.Helper()
	return c.Do(c.t, method, path, body)
}

func (c *cluster) try(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	return c.Try(c.t, method, path, body)
}

// at follows keys into nested objects.
func at[T any](t testing.TB, m map[string]any, keys ...string) T {
	t.Helper()
	var v any = m
	for _, key := range keys {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	got, ok := v.(T)
	if !ok {
		t.Fatalf("%v isn't in %v", keys, m)
	}
	return got
}

// appRole enables AppRole with the role "kms", whose tokens have these settings, and returns how to log in.
func (c *cluster) appRole(settings string) *transit.AppRole {
	c.t.Helper()
	if status, _ := c.try("GET", "sys/auth/approle/tune", ""); status != 200 {
		c.do("POST", "sys/auth/approle", `{"type": "approle"}`)
	}
	c.do("POST", "auth/approle/role/kms", `{"token_policies": "kms"`+settings+`}`)
	id := at[string](c.t, c.do("GET", "auth/approle/role/kms/role-id", ""), "data", "role_id")
	secret := at[string](c.t, c.do("POST", "auth/approle/role/kms/secret-id", "{}"), "data", "secret_id")
	return &transit.AppRole{RoleID: id, SecretID: keyroot.Secret{Value: secret}}
}

// config is that of the root "root", as Vault's root.
func (c *cluster) config() transit.Config {
	return transit.Config{
		Address: c.Address, Key: "root", Token: keyroot.Secret{Value: c.Token}, Warn: c.warn,
		Timeout: 20 * time.Second, // the machine may be loaded
	}
}

func (c *cluster) warn(text string) { c.t.Log("warning: " + text) }

func open(t testing.TB, c transit.Config) *transit.Root {
	t.Helper()
	r, err := transit.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// A gate stands before a cluster, counts, and may answer itself.
type gate struct {
	*httptest.Server
	mu     sync.Mutex
	counts map[string]int // of requests by the end of their path
	logins int            // under way: logins, renewals and look-ups
	most   int
	fault  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

func newGate(t testing.TB, target string, start func(http.Handler) *httptest.Server) *gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	g := &gate{counts: map[string]int{}}
	g.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		auth := strings.HasPrefix(r.URL.Path, "/v1/auth/")
		g.mu.Lock()
		g.counts[last]++
		if auth {
			g.logins++
			g.most = max(g.most, g.logins)
		}
		fault := g.fault
		g.mu.Unlock()
		if fault == nil || !fault(w, r) {
			proxy.ServeHTTP(w, r)
		}
		if auth {
			g.mu.Lock()
			g.logins--
			g.mu.Unlock()
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gate) count(last string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts[last]
}

func (g *gate) mostLogins() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

func (g *gate) setFault(f func(w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	g.fault = f
	g.mu.Unlock()
}

// wrapOne wraps a key under "name".
func wrapOne(t testing.TB, r keyroot.Root) (wrapped []byte, key [32]byte) {
	t.Helper()
	key = [32]byte{7: 7}
	wrapped, err := r.Wrap(t.Context(), "name", &key)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped, key
}

func unwrap(t testing.TB, r keyroot.Root, wrapped []byte) error {
	var got [32]byte
	err := r.Unwrap(t.Context(), "name", wrapped, &got)
	if err == nil && !bytes.Equal(got[:8], []byte{0, 0, 0, 0, 0, 0, 0, 7}) {
		t.Error("another key came back")
	}
	return err
}

func answerStatus(status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}
