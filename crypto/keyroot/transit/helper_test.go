package transit_test

import (
	"bytes"
	"io"
	"net/http"
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

// appRole is Vault.AppRole, as this package logs in.
func (c *cluster) appRole(settings string) *transit.AppRole {
	c.t.Helper()
	id, secret := c.AppRole(c.t, settings)
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
