package crypto

// Sealer seals the segments of one attempt at one part, in order and in place. It belongs to one goroutine.
type Sealer struct {
	segmentCipher
	index  uint64
	length int64
	done   bool
}

// NewSealer returns the Sealer for a part under partSalt, which must be fresh ([NewSalt]) for every attempt: the same
// salt with other bytes would use a key and nonce twice.
func (k *DataKey) NewSealer(partSalt *[SaltSize]byte) *Sealer {
	return &Sealer{segmentCipher: segmentCipher{aead: k.partAEAD(partSalt)}}
}

// Seal seals the plaintext slab[:n] in place and returns slab[:n+TagSize], the stored segment, which shares slab's
// memory. Every segment but the last holds SegmentSize bytes; a part of length 0 is one empty last segment. slab needs
// room for the tag. A segment of another length, or one after the last, panics: it is a bug of the caller, and
// sealing it would make an object that can't be read. It allocates nothing. Source: FORMAT.md, "Segment".
func (s *Sealer) Seal(slab []byte, n int, last bool) []byte {
	if s.done || !legalSegment(n, s.index, last) || len(slab) < n+TagSize {
		panic("crypto: internal error: segment out of place")
	}
	s.setNonce(s.index, last)
	s.index++
	s.length += int64(n)
	s.done = last
	return s.aead.Seal(slab[:0], s.nonce[:], slab[:n], nil)
}

// Length returns how many bytes of plaintext have been sealed. Compare it with what the client declared before the last
// bytes leave: a body that ends early or late must never become visible.
func (s *Sealer) Length() int64 { return s.length }

// Done says whether the last segment has been sealed.
func (s *Sealer) Done() bool { return s.done }
