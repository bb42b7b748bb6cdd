package crypto_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"sealfront/crypto"
)

// A signing key is a function of the state key and the purpose, as FORMAT.md says.
func TestSigningKeysAreDerivedForAPurpose(t *testing.T) {
	var one, two [crypto.KeySize]byte
	one[0], two[0] = 1, 2
	key := crypto.SigningKey(&one, "attestation 1")
	purpose := sha256.Sum256([]byte("attestation 1"))
	seed, err := hkdf.Expand(sha256.New, one[:], "sealfront/1 sign"+string(purpose[:]), 32)
	if err != nil || !bytes.Equal(key.Seed(), seed) {
		t.Errorf("%x, want %x, %v", key.Seed(), seed, err)
	}
	if !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte("text"), ed25519.Sign(key, []byte("text"))) {
		t.Error("the key doesn't verify what it signs")
	}
	if key.Equal(crypto.SigningKey(&one, "attestation 2")) || key.Equal(crypto.SigningKey(&two, "attestation 1")) {
		t.Error("two purposes or two state keys have one signing key")
	}
	defer func() {
		if recover() == nil {
			t.Error("a state key of zeros signs")
		}
	}()
	crypto.SigningKey(new([crypto.KeySize]byte), "attestation 1")
}
