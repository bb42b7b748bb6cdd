package crypto

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// WrapKeyer derives wrap keys from a bucket key that it keeps to itself. WrapKey writes the key for salt to key, as
// [DeriveWrapKey] does; the caller wipes key. It fails when the bucket key is gone.
type WrapKeyer interface {
	WrapKey(salt *[SaltSize]byte, key *[KeySize]byte) error
}

// Place is where an object lives. A sealed object opens only there.
type Place struct {
	BucketARN string // as the bucket's record has it since the bucket was made
	Key       string // the object's key, unescaped
}

// Secrets is what an envelope wraps.
type Secrets struct {
	DataKey   DataKey
	HasLength bool      // always set for an object of one part
	Length    int64     // of the plaintext, if HasLength
	Checksum  *Checksum // nil if it wasn't known when the envelope was made; it is in the trailer then
}

// Wipe wipes the data key, in all copies.
func (s *Secrets) Wipe() { s.DataKey.Wipe() }

// CheckStored compares the object's size in the store with what the envelope says, before the first byte is read, and
// returns the plaintext length. With HasLength that length is authentic; else it is arithmetic on the store's word until
// the trailer has been opened. It returns ErrDamaged for a size that the object can't have.
func (s *Secrets) CheckStored(stored int64) (plain int64, err error) {
	plain, ok := PlainLength(stored)
	if !ok || s.HasLength && plain != s.Length || !s.HasLength && plain == 0 {
		return 0, fmt.Errorf("%d stored bytes: %w", stored, ErrDamaged)
	}
	return plain, nil
}

func (s *Secrets) legal(multipart bool) bool {
	if s.HasLength && (s.Length < 0 || s.Length > MaxObject || multipart && s.Length == 0) || !s.HasLength && !multipart {
		return false
	}
	return s.Checksum == nil || s.Checksum.legal() && (multipart || s.Checksum.Type == FullObject)
}

const (
	flagLength   = 1
	flagChecksum = 2

	maxSecrets = KeySize + 1 + 8 + 2 + maxChecksum
	maxWrapped = maxSecrets + TagSize
)

// legalWrapped knows the possible sizes: data key and flags, with or without a length, with or without a checksum.
func legalWrapped(n int) bool {
	n -= KeySize + 1 + TagSize
	for algorithm := range Algorithm(len(checksumSizes)) {
		extra := 0
		if algorithm > 0 {
			extra = 2 + algorithm.Size()
		}
		if n == extra || n == 8+extra {
			return true
		}
	}
	return false
}

// Wrap seals secrets into the envelope for place, under a wrap salt that is fresh each time. It sorts Context and sets
// WrapSalt, Commitment and Wrapped; the other fields are the caller's. It returns ErrTooLarge if the envelope would exceed
// MaxEnvelope, ErrFormat if a field or secret can't be in an envelope (a bad ARN, two context pairs of one name, an object
// of one part without its length), and what the keyer returns; e is then as it was. Source: FORMAT.md, "Envelope".
func (e *Envelope) Wrap(place Place, keyer WrapKeyer, secrets Secrets) error {
	var salt [SaltSize]byte
	rand.Read(salt[:])
	return e.wrap(place, keyer, secrets, salt)
}

func (e *Envelope) wrap(place Place, keyer WrapKeyer, secrets Secrets, salt [SaltSize]byte) error {
	wrapped := *e
	wrapped.sortContext()
	switch {
	case !wrapped.fits() || !place.fits():
		return fmt.Errorf("wrap data key: %w", ErrTooLarge)
	case !wrapped.legal() || !secrets.legal(e.Multipart):
		return fmt.Errorf("wrap data key: %w", ErrFormat)
	}
	wrapped.WrapSalt = salt
	wrapped.Commitment = secrets.DataKey.commitment(&e.ObjectID)

	w := workspaces.Get().(*workspace)
	defer w.release()
	if err := keyer.WrapKey(&wrapped.WrapSalt, &w.wrapKey); err != nil {
		return fmt.Errorf("wrap data key: %w", err)
	}
	plaintext := secrets.append(w.secrets[:0])
	w.additional = wrapped.appendAdditional(w.additional[:0], place)
	wrapped.Wrapped = newAEAD(&w.wrapKey).Seal(nil, zeroNonce[:], plaintext, w.additional)
	*e = wrapped
	return nil
}

// Unwrap opens the envelope at place and returns its secrets, which the caller wipes. It returns ErrTampered if anything in
// the envelope was changed, if it was made for another place or under another bucket key, or if the data key isn't the one
// committed to (compared in constant time); ErrFormat if what was sealed isn't something Wrap seals; and what the keyer
// returns. It doesn't change the envelope and may run concurrently. Source: FORMAT.md, "Envelope".
func (e *Envelope) Unwrap(place Place, keyer WrapKeyer) (Secrets, error) {
	if !place.fits() {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTooLarge)
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	if err := keyer.WrapKey(&e.WrapSalt, &w.wrapKey); err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", err)
	}
	w.additional = e.appendAdditional(w.additional[:0], place)
	plaintext, err := newAEAD(&w.wrapKey).Open(w.secrets[:0], zeroNonce[:], e.Wrapped, w.additional)
	if err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTampered)
	}
	secrets, ok := parseSecrets(plaintext)
	if !ok || !secrets.legal(e.Multipart) {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrFormat)
	}
	commitment := secrets.DataKey.commitment(&e.ObjectID)
	if subtle.ConstantTimeCompare(commitment[:], e.Commitment[:]) != 1 {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: commitment: %w", ErrTampered)
	}
	return secrets, nil
}

// appendAdditional appends the envelope without Wrapped, then the place, each string with its length in front.
func (e *Envelope) appendAdditional(dst []byte, place Place) []byte {
	dst = e.appendAuthenticated(dst)
	dst = appendString(dst, place.BucketARN)
	return appendString(dst, place.Key)
}

func (p Place) fits() bool { return len(p.BucketARN) < 1<<16 && len(p.Key) < 1<<16 }

// append writes data key ‖ flags ‖ [length] ‖ [checksum].
func (s *Secrets) append(dst []byte) []byte {
	var flags byte
	if s.HasLength {
		flags |= flagLength
	}
	if s.Checksum != nil {
		flags |= flagChecksum
	}
	dst = append(append(dst, s.DataKey.secret[:]...), flags)
	if s.HasLength {
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.Length))
	}
	if s.Checksum != nil {
		dst = appendChecksum(dst, s.Checksum)
	}
	return dst
}

// parseSecrets is its inverse. The secrets share no memory with b.
func parseSecrets(b []byte) (s Secrets, ok bool) {
	r := reader{rest: b}
	key, flags := r.take(KeySize), r.byte()
	if r.failed || flags&^(flagLength|flagChecksum) != 0 || isZero(key) {
		return Secrets{}, false
	}
	if flags&flagLength != 0 {
		length := r.take(8)
		if r.failed {
			return Secrets{}, false
		}
		s.HasLength, s.Length = true, int64(binary.BigEndian.Uint64(length))
	}
	if flags&flagChecksum != 0 {
		var checksumOK bool
		s.Checksum, r.rest, checksumOK = parseChecksum(r.rest)
		if !checksumOK || s.Checksum == nil {
			return Secrets{}, false
		}
	}
	if len(r.rest) > 0 {
		return Secrets{}, false
	}
	s.DataKey = DataKey{new([KeySize]byte)}
	copy(s.DataKey.secret[:], key)
	return s, true
}
