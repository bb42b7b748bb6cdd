package crypto

import (
	"crypto/ed25519"
	"crypto/sha256"
)

// SigningKey returns the key by which an installation signs what it says for a purpose: Ed25519, its seed expanded from
// the state key. It is the same at every replica and for as long as there is the state key; keys of two purposes have
// nothing in common. A state key of zeros panics. Source: FORMAT.md, "Keys".
func SigningKey(stateKey *[KeySize]byte, purpose string) ed25519.PrivateKey {
	if isZero(stateKey[:]) {
		panic("crypto: internal error: state key of zeros")
	}
	sum := sha256.Sum256([]byte(purpose))
	seed := expand(stateKey, labelSign, sum[:], nil)
	defer clear(seed[:])
	return ed25519.NewKeyFromSeed(seed[:])
}
