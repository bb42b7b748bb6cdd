package crypto

import (
	"sync"
	"sync/atomic"
)

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
