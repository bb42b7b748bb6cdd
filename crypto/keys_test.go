package crypto_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"sealfront/crypto"
)

// Keys are derived by HMAC alone, a block of HKDF at a time; the standard library's HKDF says what must come of it.
func TestDerivationIsHKDF(t *testing.T) {
	for i := range 200 {
		var secret, key [crypto.KeySize]byte
		var salt [crypto.SaltSize]byte
		rand.Read(secret[:])
		rand.Read(salt[:])
		first, second := salt[:i%17], secret[:i%5]
		want, err := hkdf.Expand(sha256.New, secret[:], "label"+string(first)+string(second), crypto.KeySize)
		if err != nil {
			t.Fatal(err)
		}
		if got := crypto.Expand(&secret, "label", first, second); !bytes.Equal(got[:], want) {
			t.Fatalf("Expand: %x, want %x", got, want)
		}
		if want, err = hkdf.Key(sha256.New, secret[:], salt[:], "sealfront/1 wrap", crypto.KeySize); err != nil {
			t.Fatal(err)
		}
		if err := crypto.DeriveWrapKey(&secret, &salt, &key); err != nil || !bytes.Equal(key[:], want) {
			t.Fatalf("DeriveWrapKey: %x, %v, want %x", key, err, want)
		}
	}
}
