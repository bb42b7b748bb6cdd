package crypto

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// SealedNameLength is how many characters AppendSealedName adds behind the prefix for a plaintext of so many bytes.
func SealedNameLength(plaintext int) int { return textForm.EncodedLen(RecordOverhead + plaintext) }

// AppendSealedName appends prefix and, in base64url, plaintext sealed for it as a record. The same plaintext under the
// same prefix has the same name always: the salt is a function of both and of the state key, so a name can be found
// again by whoever knows what it says, and of two that write it one changes nothing. Whoever lists names learns which
// of them are equal, and nothing else. A state key of zeros panics. Source: FORMAT.md, "Sealed names".
func AppendSealedName(dst []byte, stateKey *[KeySize]byte, prefix string, plaintext []byte) []byte {
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(prefix)))
	h.Write(length[:])
	h.Write([]byte(prefix))
	h.Write(plaintext)
	if isZero(stateKey[:]) {
		panic("crypto: internal error: state key of zeros")
	}
	derived := expand(stateKey, labelName, h.Sum(nil), nil)
	sealed := sealRecord(stateKey, prefix, plaintext, (*[SaltSize]byte)(derived[:]))
	return textForm.AppendEncode(append(dst, prefix...), sealed)
}

// OpenSealedName returns the plaintext in a name that AppendSealedName made for prefix. It returns ErrFormat for what
// isn't of that form, ErrTampered for a name that was sealed for another prefix or under another key, or was changed.
func OpenSealedName(stateKey *[KeySize]byte, prefix, name string) ([]byte, error) {
	text, ok := strings.CutPrefix(name, prefix)
	if !ok || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("sealed name: %w", ErrFormat)
	}
	sealed, err := textForm.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("sealed name: %w", ErrFormat)
	}
	plaintext, err := OpenRecord(stateKey, prefix, sealed)
	if err != nil {
		return nil, fmt.Errorf("sealed name: %w", err)
	}
	return plaintext, nil
}
