package crypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// This file is faster than it is plain: keys are derived by HMAC alone, a block of HKDF at a time, in memory that is
// used again. It must equal crypto/hkdf. FuzzDerivation compares the two.

// derivation is memory for what deriving a key passes to the standard library, which would otherwise come from the heap
// each time. It serves one key at a time. What it held is wiped by release.
type derivation struct {
	digests [2]hash.Hash
	taken   int
	next    func() hash.Hash // nextDigest; as a field, so that it is made once
	info    [64]byte
	block   [KeySize]byte
}

var derivations = sync.Pool{New: func() any {
	d := &derivation{digests: [2]hash.Hash{sha256.New(), sha256.New()}}
	d.next = d.nextDigest
	return d
}}

// keyed returns the HMAC under key. It takes the place of an earlier one, which nobody may use any more.
func (d *derivation) keyed(key []byte) hash.Hash {
	d.taken = 0
	return hmac.New(d.next, key)
}

// nextDigest is what an HMAC is made of: each call gives another digest at its beginning. An HMAC takes two.
func (d *derivation) nextDigest() hash.Hash {
	if d.taken == len(d.digests) {
		return sha256.New()
	}
	digest := d.digests[d.taken]
	d.taken++
	digest.Reset()
	return digest
}

// expand is HKDF-Expand to 32 bytes, which is one block: HMAC(secret, info ‖ 1), where keyed is at its beginning and
// has the secret as its key. Extract would add nothing where the secret is uniform. crypto/hkdf makes ten objects of
// it, four times an object. The key is d's own memory, until the next one.
func (d *derivation) expand(keyed hash.Hash, label string, first, second []byte) *[KeySize]byte {
	keyed.Write(append(append(append(append(d.info[:0], label...), first...), second...), 1))
	keyed.Sum(d.block[:0])
	return &d.block
}

// release wipes: a digest keeps the message's last block after Reset, and what is derived from is a message too.
func (d *derivation) release() {
	for _, digest := range d.digests {
		digest.Reset()
		digest.Write(zeroBlock[:])
		digest.Reset()
	}
	clear(d.block[:])
	derivations.Put(d)
}

// zeroBlock is one byte short of a block of SHA-256: a whole one wouldn't go through the digest's memory.
var zeroBlock [sha256.BlockSize - 1]byte

// expand derives one key from a secret that derives no other.
func expand(secret *[KeySize]byte, label string, first, second []byte) [KeySize]byte {
	d := derivations.Get().(*derivation)
	defer d.release()
	return *d.expand(d.keyed(secret[:]), label, first, second)
}
