package crypto

// Opener opens the segments of one part, in any order and in place. It belongs to one goroutine.
type Opener struct {
	segmentCipher
}

// NewOpener returns the Opener for the part that was sealed under partSalt.
func (k *DataKey) NewOpener(partSalt *[SaltSize]byte) *Opener {
	return &Opener{segmentCipher{aead: k.partAEAD(partSalt)}}
}

// Open checks and decrypts one stored segment in place and returns its plaintext, which shares segment's memory. index
// counts from 0 within the part; last is true for the part's final segment. It returns ErrTampered and no plaintext if
// the tag doesn't match or the segment can't have that size at that place; segment's bytes are then undefined, but
// hold no plaintext. It allocates nothing. Source: FORMAT.md, "Segment".
func (o *Opener) Open(segment []byte, index uint64, last bool) ([]byte, error) {
	if len(segment) < TagSize || !legalSegment(len(segment)-TagSize, index, last) {
		return nil, ErrTampered
	}
	o.setNonce(index, last)
	plaintext, err := o.aead.Open(segment[:0], o.nonce[:], segment, nil)
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}
