package crypto

import (
	"crypto/cipher"
	"crypto/rand"
	"hash"
	"sync"
)

// DataKey is the secret of one object: 32 uniform random bytes. Copies of a DataKey share one secret, so that Wipe
// reaches them all. Deriving from it is safe for concurrent use; Wipe is not, and whatever derives after it panics.
// Sealers and openers made before a Wipe go on working: the expanded AES keys inside them belong to the standard
// library, which offers no way to wipe them; nor does it for the HMAC under the secret, which Wipe leaves to the
// garbage collector.
type DataKey struct{ shared *dataKey }

// dataKey is what the copies of a DataKey share.
type dataKey struct {
	secret [KeySize]byte // written once, wiped once

	mu          sync.Mutex // all below
	derivation  *derivation
	keyed       hash.Hash // the HMAC under secret, nil until something is derived
	wrapSalt    drawnSalt
	trailerSalt drawnSalt
}

// drawnSalt is a salt that was drawn ahead of its use.
type drawnSalt struct {
	salt  [SaltSize]byte
	there bool
}

// NewDataKey returns a fresh data key.
func NewDataKey() DataKey {
	k := DataKey{new(dataKey)}
	rand.Read(k.shared.secret[:])
	return k
}

// NewObject returns what is random of a new object of one part: its data key, its id, and its part salt. The salts of
// the key's first Wrap and of its first trailer are drawn with them, since one read of 96 bytes costs much less than
// five; the key keeps them, and each serves once: the next Wrap or trailer draws its own, as they do for every other
// data key.
func NewObject() (key DataKey, objectID, partSalt [SaltSize]byte) {
	var drawn [KeySize + 4*SaltSize]byte
	rand.Read(drawn[:])
	k := new(dataKey)
	r := reader{rest: drawn[:]}
	copy(k.secret[:], r.take(KeySize))
	copy(objectID[:], r.take(SaltSize))
	copy(partSalt[:], r.take(SaltSize))
	copy(k.wrapSalt.salt[:], r.take(SaltSize))
	copy(k.trailerSalt.salt[:], r.take(SaltSize))
	k.wrapSalt.there, k.trailerSalt.there = true, true
	clear(drawn[:])
	return DataKey{k}, objectID, partSalt
}

// takeWrapSalt returns a salt that no wrap has had.
func (k *DataKey) takeWrapSalt() [SaltSize]byte {
	shared := k.made()
	return shared.take(&shared.wrapSalt)
}

// takeTrailerSalt returns a salt that no trailer has had.
func (k *DataKey) takeTrailerSalt() [SaltSize]byte {
	shared := k.made()
	return shared.take(&shared.trailerSalt)
}

func (k *dataKey) take(drawn *drawnSalt) [SaltSize]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !drawn.there {
		return NewSalt()
	}
	drawn.there = false
	return drawn.salt
}

// Wipe overwrites the secret with zeros, in all copies. It may be called again, and on the zero DataKey.
func (k *DataKey) Wipe() {
	if k.shared == nil {
		return
	}
	k.shared.mu.Lock()
	defer k.shared.mu.Unlock()
	clear(k.shared.secret[:])
	k.shared.keyed = nil
	if k.shared.derivation != nil {
		k.shared.derivation.release()
		k.shared.derivation = nil
	}
}

// commitment binds the data key to the object: GCM alone would let one ciphertext open under two keys.
func (k *DataKey) commitment(objectID *[SaltSize]byte) [KeySize]byte {
	return k.derive(labelCommit, objectID[:], nil)
}

// partAEAD is the cipher of one attempt at one part. It knows neither the part's number nor the object: order and
// count are bound by the trailer, so that parts stay valid when they are renumbered, copied or appended to.
func (k *DataKey) partAEAD(salt *[SaltSize]byte) cipher.AEAD {
	key := k.derive(labelPart, salt[:], nil)
	defer clear(key[:])
	return newAEAD(&key)
}

// trailerAEAD is the cipher of one sealing of one object's trailer.
func (k *DataKey) trailerAEAD(objectID, salt *[SaltSize]byte) cipher.AEAD {
	key := k.derive(labelTrailer, objectID[:], salt[:])
	defer clear(key[:])
	return newAEAD(&key)
}

// derive expands the secret. Every object derives two keys or three, so the HMAC is kept: those after the first cost
// less than half.
func (k *DataKey) derive(label string, first, second []byte) [KeySize]byte {
	shared := k.made()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.keyed == nil {
		if isZero(shared.secret[:]) {
			panic(unusable)
		}
		shared.derivation = derivations.Get().(*derivation)
		shared.keyed = shared.derivation.keyed(shared.secret[:])
	}
	shared.keyed.Reset()
	defer clear(shared.derivation.block[:])
	return *shared.derivation.expand(shared.keyed, label, first, second)
}

func (k *DataKey) made() *dataKey {
	if k.shared == nil {
		panic(unusable)
	}
	return k.shared
}

const unusable = "crypto: internal error: data key used after Wipe, or never made"
