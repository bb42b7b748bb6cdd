package crypto

import (
	"encoding/binary"
	"fmt"
)

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
// returns the plaintext length. With HasLength that length is authentic; otherwise it is arithmetic on the store's word
// until the trailer has been opened. It returns ErrDamaged for a size that the object can't have.
func (s *Secrets) CheckStored(stored int64) (plain int64, err error) {
	plain, ok := PlainLength(stored)
	if !ok || s.HasLength && plain != s.Length || !s.HasLength && plain == 0 {
		return 0, fmt.Errorf("%d stored bytes: %w", stored, ErrDamaged)
	}
	return plain, nil
}

func (s *Secrets) legal(multipart bool) bool {
	if s.HasLength && (s.Length < 0 || s.Length > MaxObject || multipart && s.Length == 0) ||
		!s.HasLength && !multipart {
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

// append writes data key ‖ flags ‖ [length] ‖ [checksum].
func (s *Secrets) append(dst []byte) []byte {
	var flags byte
	if s.HasLength {
		flags |= flagLength
	}
	if s.Checksum != nil {
		flags |= flagChecksum
	}
	dst = append(append(dst, s.DataKey.shared.secret[:]...), flags)
	if s.HasLength {
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.Length))
	}
	if s.Checksum != nil {
		dst = appendChecksum(dst, s.Checksum)
	}
	return dst
}

// parseSecrets is its inverse. The secrets share no memory with b.
func parseSecrets(b []byte) (s Secrets, err error) {
	r := reader{rest: b}
	key, flags := r.take(KeySize), r.byte()
	if r.failed || flags&^(flagLength|flagChecksum) != 0 || isZero(key) {
		return Secrets{}, ErrFormat
	}
	if flags&flagLength != 0 {
		length := r.take(8)
		if r.failed {
			return Secrets{}, ErrFormat
		}
		s.HasLength, s.Length = true, int64(binary.BigEndian.Uint64(length))
	}
	if flags&flagChecksum != 0 {
		if s.Checksum, r.rest, err = parseChecksum(r.rest); err != nil {
			return Secrets{}, err
		}
		if s.Checksum == nil {
			return Secrets{}, ErrFormat
		}
	}
	if len(r.rest) > 0 {
		return Secrets{}, ErrFormat
	}
	s.DataKey = DataKey{new(dataKey)}
	copy(s.DataKey.shared.secret[:], key)
	return s, nil
}
