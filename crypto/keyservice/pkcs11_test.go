//go:build pkcs11

package keyservice_test

import (
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/pkcs11"
	"sealfront/crypto/keyroot/roottest"
)

func init() { roots["pkcs11"] = pkcs11Roots }

// pkcs11Roots are keys of a token of SoftHSM.
func pkcs11Roots(t *testing.T) func(testing.TB) keyroot.Root {
	token := roottest.NewToken(t)
	return func(t testing.TB) keyroot.Root {
		t.Helper()
		r, err := pkcs11.Open(pkcs11.Config{
			Module: token.Module, Token: token.Label, PIN: keyroot.Secret{Value: token.PIN}, Key: token.NewKey(t),
			Timeout: time.Minute,
		})
		return opened(t, r, err)
	}
}
