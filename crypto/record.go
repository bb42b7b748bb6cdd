package crypto

import (
	"crypto/rand"
	"fmt"
)

const (
	recordVersion = 1

	// RecordOverhead is what SealRecord adds to a plaintext, in bytes: version, salt, tag.
	RecordOverhead = 1 + SaltSize + TagSize
)

// SealRecord seals a state record for the name under which it is kept: version ‖ salt ‖ ciphertext ‖ tag. Each sealing
// has a key of its own, derived from stateKey and a fresh salt, so any number of records may be sealed, also under one
// name. A state key of zeros panics. Source: FORMAT.md, "State records".
func SealRecord(stateKey *[KeySize]byte, name string, plaintext []byte) []byte {
	var salt [SaltSize]byte
	rand.Read(salt[:])
	return sealRecord(stateKey, name, plaintext, &salt)
}

func sealRecord(stateKey *[KeySize]byte, name string, plaintext []byte, salt *[SaltSize]byte) []byte {
	sealed := make([]byte, 0, RecordOverhead+len(plaintext))
	sealed = append(append(sealed, recordVersion), salt[:]...)
	key := recordKey(stateKey, salt)
	defer clear(key[:])
	return newAEAD(&key).Seal(sealed, zeroNonce[:], plaintext, recordAdditionalData(name))
}

// OpenRecord returns the plaintext of a record that was sealed for name; sealed is left as it is. It returns
// ErrTampered for other bytes, another name or another state key, ErrVersion for another format's record, ErrFormat for
// less than a record can be. A state key of zeros panics.
func OpenRecord(stateKey *[KeySize]byte, name string, sealed []byte) ([]byte, error) {
	if len(sealed) < RecordOverhead {
		return nil, fmt.Errorf("record: %w", ErrFormat)
	}
	if sealed[0] != recordVersion {
		return nil, fmt.Errorf("record: %w", ErrVersion)
	}
	key := recordKey(stateKey, (*[SaltSize]byte)(sealed[1:]))
	defer clear(key[:])
	plaintext, err := newAEAD(&key).Open(nil, zeroNonce[:], sealed[1+SaltSize:], recordAdditionalData(name))
	if err != nil {
		return nil, fmt.Errorf("record: %w", ErrTampered)
	}
	return plaintext, nil
}

func recordKey(stateKey *[KeySize]byte, salt *[SaltSize]byte) [KeySize]byte {
	if isZero(stateKey[:]) {
		panic("crypto: internal error: state key of zeros")
	}
	return expand(stateKey, labelRecord, salt[:], nil)
}

func recordAdditionalData(name string) []byte {
	return append([]byte{recordVersion}, name...)
}
