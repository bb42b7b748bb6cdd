package transit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/transit"
)

func TestFaultsAreReportedAtOnce(t *testing.T) {
	good := transit.Config{Address: "https://bao.example.com:8200", Key: "root", Token: keyroot.Secret{Value: "t"}}
	if f := good.Faults(); f != nil {
		t.Errorf("got %v", f)
	}
	for path, change := range map[string]func(*transit.Config){
		"address":          func(c *transit.Config) { c.Address = "" },
		"address: ":        func(c *transit.Config) { c.Address = "bao.example.com" },
		"address: must h":  func(c *transit.Config) { c.Address = "https://bao.example.com/v1" },
		"address: must be": func(c *transit.Config) { c.Address = "http://bao.example.com" },
		"address: is http": func(c *transit.Config) { c.Address, c.CA = "http://127.0.0.1:8200", "ca.pem" },
		"namespace":        func(c *transit.Config) { c.Namespace = "a/../b" },
		"mount":            func(c *transit.Config) { c.Mount = "a b" },
		"key":              func(c *transit.Config) { c.Key = "" },
		"key: ":            func(c *transit.Config) { c.Key = "a/b" },
		"key: cluster":     func(c *transit.Config) { c.Key = strings.Repeat("k", 250) },
		"cluster":          func(c *transit.Config) { c.Cluster = "a@b" },
		"token: one way":   func(c *transit.Config) { c.Token = keyroot.Secret{} },
		"token: one ":      func(c *transit.Config) { c.AppRole = &transit.AppRole{RoleID: "r"} },
		"token: only one":  func(c *transit.Config) { c.Token.File = "token" },
		"approle.role_id":  func(c *transit.Config) { c.AppRole = &transit.AppRole{} },
		"approle.mount":    func(c *transit.Config) { c.AppRole = &transit.AppRole{RoleID: "r", Mount: "?"} },
		"approle.secret_id": func(c *transit.Config) {
			c.AppRole = &transit.AppRole{SecretID: keyroot.Secret{File: "f", Env: "e"}}
		},
		"kubernetes.role":  func(c *transit.Config) { c.Kubernetes = &transit.Kubernetes{} },
		"kubernetes.mount": func(c *transit.Config) { c.Kubernetes = &transit.Kubernetes{Mount: "//a//b"} },
		"cert":             func(c *transit.Config) { c.Cert = "cert.pem" },
		"timeout":          func(c *transit.Config) { c.Timeout = -time.Second },
	} {
		config := good
		change(&config)
		if f := config.Faults(); !strings.Contains(f.Error(), path) {
			t.Errorf("%s: %v", path, f)
		}
		r, err := transit.Open(config)
		if _, ok := errors.AsType[keyroot.Faults](err); !ok || r != nil {
			t.Errorf("%s: Open: %v", path, err)
		}
	}
	if f := (transit.Config{}).Faults(); len(f) != 3 || strings.Count(f.Error(), "\n") != 2 {
		t.Errorf("got %d faults: %v", len(f), f)
	}
}
