package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// One label a purpose. All are followed by inputs of fixed length, and none begins with another, so that no two
// derivations can meet. Source: FORMAT.md, "Keys".
const (
	labelWrap    = "sealfront/1 wrap"
	labelCommit  = "sealfront/1 commit"
	labelPart    = "sealfront/1 part"
	labelTrailer = "sealfront/1 trailer"
	labelRecord  = "sealfront/1 record"
	labelName    = "sealfront/1 name"
	labelSign    = "sealfront/1 sign"
)

// NewSalt returns 16 fresh random bytes: a part salt for an attempt at a part, or an object id.
func NewSalt() (salt [SaltSize]byte) {
	rand.Read(salt[:])
	return salt
}

// DeriveWrapKey writes the key that wraps data keys to key: HKDF(bucketKey, salt, "sealfront/1 wrap"). The caller wipes
// key. It is meant for whoever keeps bucket keys; all others get wrap keys from a [WrapKeyer]. A bucket key of zeros,
// which is what a wiped one looks like, is ErrZeroKey, and key then holds zeros. Source: FORMAT.md, "Keys"; RFC 5869.
func DeriveWrapKey(bucketKey *[KeySize]byte, salt *[SaltSize]byte, key *[KeySize]byte) error {
	clear(key[:])
	if isZero(bucketKey[:]) {
		return ErrZeroKey
	}
	d := derivations.Get().(*derivation)
	defer d.release()
	extract := d.keyed(salt[:])
	extract.Write(bucketKey[:])
	extract.Sum(d.block[:0]) // the pseudorandom key
	expand := d.keyed(d.block[:])
	*key = *d.expand(expand, labelWrap, nil, nil)
	return nil
}

func newAEAD(key *[KeySize]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("crypto: internal error: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("crypto: internal error: " + err.Error())
	}
	return aead
}

// zeroNonce serves the keys that seal exactly once.
var zeroNonce [nonceSize]byte

func isZero(secret []byte) bool {
	var sum byte
	for _, b := range secret {
		sum |= b
	}
	return subtle.ConstantTimeByteEq(sum, 0) == 1
}

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
