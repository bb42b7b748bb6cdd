package state

import (
	"crypto/ed25519"

	"sealfront/crypto"
)

// SigningKey is the key by which the installation signs for a purpose: derived from the state key, so that every
// replica has it, and nobody who can't open the state key.
func (s *State) SigningKey(purpose string) ed25519.PrivateKey {
	return crypto.SigningKey(&s.key, purpose)
}
