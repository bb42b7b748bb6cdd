package crypto

import (
	"crypto/cipher"
	"encoding/binary"
	"sync"
	"sync/atomic"
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

// Headroom is the space in front of a slab's body, in bytes: a request's head put there leaves with the first segment
// in one write.
const Headroom = 4096

// Slab is the pooled memory of one sealed segment: headroom, a segment, its tag. It belongs to whoever took it from
// GetSlab until PutSlab.
type Slab struct {
	memory [Headroom + SealedSegmentSize]byte
}

// Body returns the room for one segment and its tag, SealedSegmentSize bytes.
func (s *Slab) Body() []byte { return s.memory[Headroom:] }

// WithHead returns the last head bytes of the headroom and the first body bytes of the body, as one slice.
func (s *Slab) WithHead(head, body int) []byte {
	return s.memory[Headroom-head : Headroom+body]
}

var slabs = sync.Pool{New: func() any { return new(Slab) }}

// inUse counts slabs that are taken.
var inUse atomic.Int64

// SlabsInUse is how many slabs are taken and not given back. Each holds a little more than 68 KiB.
func SlabsInUse() int64 { return inUse.Load() }

// GetSlab takes a slab from the pool. What it holds is undefined: earlier ciphertext or heads, never plaintext.
func GetSlab() *Slab {
	inUse.Add(1)
	return slabs.Get().(*Slab)
}

// PutSlab wipes the first plaintext bytes of the body and gives the slab back; nobody may touch it afterwards.
// plaintext is the most that the body held in clear since it was taken and wasn't sealed in place: the largest opened
// segment of a download, an unfinished read of an upload. It is the caller's number because wiping 64 KiB for each
// small request would cost more than sealing it.
func PutSlab(s *Slab, plaintext int) {
	clear(s.Body()[:plaintext])
	slabs.Put(s)
	inUse.Add(-1)
}

// workspace is memory for wrapping and unwrapping, much of which would otherwise come from the heap each time. What it
// held is wiped by release.
type workspace struct {
	wrapKey    [KeySize]byte
	secrets    [maxWrapped]byte
	wrapSalt   [SaltSize]byte // from here on nothing is secret
	commitment [KeySize]byte
	binary     []byte
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	clear(w.wrapKey[:])
	clear(w.secrets[:])
	workspaces.Put(w)
}

// Sizes of the format, in bytes.
const (
	SegmentSize = 65536 // plaintext of a full segment
	TagSize     = 16    // what sealing adds to a segment

	MinPartSize = 5 << 20 // least plaintext of a part that isn't the last
	MaxParts    = 10000

	MaxPart      = 5367398400 // most whole segments of a part whose sealed form fits a store's part of 5 GiB
	MaxPart10000 = 5366218752 // the same where the object's end shares the store's part (number 10,000)
	MaxObjectPut = 5367283856 // most plaintext of an object whose stored form fits one PUT or store-side copy of 5 GiB

	// MaxObject is the most plaintext that legal parts can carry.
	MaxObject = (MaxParts-1)*MaxPart + MaxPart10000

	// perPart and perObject are what the stored length grants a possible part and the object for short segments,
	// padding, trailer record and tail.
	perPart   = 112
	perObject = 192
)

// StoredLength returns the size of a sealed object in the store from its plaintext length, for every legal way to cut
// it into parts:
//
//	stored(P) = P + 16·⌈P/S⌉ + 112·min(10,000, ⌊P/M⌋+1) + 192        stored(0) = 0
//
// It is strictly increasing. It returns -1 if plain is negative or greater than MaxObject.
// Source: FORMAT.md, "Length".
func StoredLength(plain int64) int64 {
	switch {
	case plain == 0:
		return 0
	case plain < 0 || plain > MaxObject:
		return -1
	}
	return plain + lengthOverhead(plain)
}

// PlainLength is the inverse of StoredLength: the plaintext length of an object from its size in the store. ok is false
// for a size that no sealed object has; such an object is damaged or was never sealed.
func PlainLength(stored int64) (plain int64, ok bool) {
	if stored == 0 {
		return 0, true
	}
	if stored < 0 || stored > MaxObject+lengthOverhead(MaxObject) {
		return 0, false
	}
	// The overhead never falls as the length grows, so too much overhead gives a bound from below and that bound's
	// overhead one from above; they are some hundred bytes apart at most, but for the largest objects.
	low := stored - lengthOverhead(stored)
	high := stored - lengthOverhead(max(low, 1))
	low = max(low, 1)
	for low < high {
		middle := low + (high-low)/2
		if middle+lengthOverhead(middle) < stored {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low > high || low+lengthOverhead(low) != stored {
		return 0, false
	}
	return low, true
}

// SealedLength returns the stored size of one part's segments with their tags. A part of length 0 is one empty segment.
func SealedLength(part int64) int64 {
	return part + TagSize*max(1, segments(part))
}

func lengthOverhead(plain int64) int64 {
	return TagSize*segments(plain) + perPart*possibleParts(plain) + perObject
}

// possibleParts is the largest number of parts that plain bytes can legally be cut into.
func possibleParts(plain int64) int64 {
	return min(MaxParts, plain/MinPartSize+1)
}

func segments(plain int64) int64 {
	return (plain + SegmentSize - 1) / SegmentSize
}
