package pkcs11_test

import (
	"errors"
	"strings"
	"testing"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/pkcs11"
)

func TestFaultsAreReportedAtOnce(t *testing.T) {
	good := pkcs11.Config{Module: "/usr/lib/hsm.so", Token: "t", PIN: keyroot.Secret{File: "pin"}, Key: "root"}
	if f := good.Faults(); f != nil {
		t.Errorf("got %v", f)
	}
	for path, change := range map[string]func(*pkcs11.Config){
		"module":         func(c *pkcs11.Config) { c.Module = "" },
		"token":          func(c *pkcs11.Config) { c.Token = strings.Repeat("t", 33) },
		"pin: one of":    func(c *pkcs11.Config) { c.PIN = keyroot.Secret{} },
		"pin: only one":  func(c *pkcs11.Config) { c.PIN.Env = "PIN" },
		"key: must":      func(c *pkcs11.Config) { c.Key = "" },
		"key: token":     func(c *pkcs11.Config) { c.Key = strings.Repeat("k", 200) },
		"key_id":         func(c *pkcs11.Config) { c.KeyID = "xyz" },
		"mechanism":      func(c *pkcs11.Config) { c.Mechanism = "ecb" },
		"sessions":       func(c *pkcs11.Config) { c.Sessions = -1 },
		"timeout: must ": func(c *pkcs11.Config) { c.Timeout = -1 },
	} {
		config := good
		change(&config)
		if f := config.Faults(); !strings.Contains(f.Error(), path) {
			t.Errorf("%s: %v", path, f)
		}
		r, err := pkcs11.Open(config)
		if _, ok := errors.AsType[keyroot.Faults](err); r != nil || ok != pkcs11.Built || err == nil {
			t.Errorf("%s: Open: %v", path, err)
		}
	}
}
