package crypto

import (
	"crypto/cipher"
	"encoding/binary"
)

const (
	nonceSize = 12

	// SealedSegmentSize is the stored size of a full segment, in bytes.
	SealedSegmentSize = SegmentSize + TagSize

	// maxSegments is the number of segments of the largest part; the nonce has room for many more.
	maxSegments = (MaxPart + SegmentSize - 1) / SegmentSize
)

// segmentCipher is what Sealer and Opener share: the part's cipher and the nonce, kept here so that no segment
// allocates one.
type segmentCipher struct {
	aead  cipher.AEAD
	nonce [nonceSize]byte
}

// setNonce: an 11-byte big-endian index and one byte that is 1 for the part's last segment, as in the STREAM
// construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015).
func (c *segmentCipher) setNonce(index uint64, last bool) {
	binary.BigEndian.PutUint64(c.nonce[3:11], index)
	c.nonce[11] = 0
	if last {
		c.nonce[11] = 1
	}
}

// legalSegment says whether a segment of n plaintext bytes may stand at index: only the last one is short, and only a
// part that is empty altogether has an empty one.
func legalSegment(n int, index uint64, last bool) bool {
	switch {
	case n < 0 || n > SegmentSize || index >= maxSegments:
		return false
	case !last:
		return n == SegmentSize
	default:
		return n > 0 || index == 0
	}
}
