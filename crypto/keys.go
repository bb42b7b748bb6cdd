package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// SaltSize is the size of every salt and of the object id, in bytes; KeySize that of every secret.
const (
	SaltSize = 16
	KeySize  = 32
)

// One label a purpose. All are followed by inputs of fixed length, and none begins with another, so that no two
// derivations can meet. Source: FORMAT.md, "Keys".
const (
	labelWrap    = "sealfront/1 wrap"
	labelCommit  = "sealfront/1 commit"
	labelPart    = "sealfront/1 part"
	labelTrailer = "sealfront/1 trailer"
	labelRecord  = "sealfront/1 record"
)

// NewSalt returns 16 fresh random bytes: a part salt for an attempt at a part, or an object id.
func NewSalt() (salt [SaltSize]byte) {
	rand.Read(salt[:])
	return salt
}

// DataKey is the secret of one object: 32 uniform random bytes. Copies of a DataKey share one secret, so that Wipe
// reaches them all. Deriving from it is safe for concurrent use; Wipe is not, and whatever derives after it panics. Sealers
// and openers made before a Wipe go on working: the expanded AES keys inside them belong to the standard library, which
// offers no way to wipe them.
type DataKey struct{ secret *[KeySize]byte }

// NewDataKey returns a fresh data key.
func NewDataKey() DataKey {
	k := DataKey{new([KeySize]byte)}
	rand.Read(k.secret[:])
	return k
}

// Wipe overwrites the secret with zeros, in all copies. It may be called again, and on the zero DataKey.
func (k *DataKey) Wipe() {
	if k.secret != nil {
		clear(k.secret[:])
	}
}

// commitment binds the data key to the object: GCM alone would let one ciphertext open under two keys.
func (k *DataKey) commitment(objectID *[SaltSize]byte) [KeySize]byte {
	return k.expand(labelCommit, objectID[:], nil)
}

// partAEAD is the cipher of one attempt at one part. It knows neither the part's number nor the object: order and
// count are bound by the trailer, so that parts stay valid when they are renumbered, copied or appended to.
func (k *DataKey) partAEAD(salt *[SaltSize]byte) cipher.AEAD {
	key := k.expand(labelPart, salt[:], nil)
	defer clear(key[:])
	return newAEAD(&key)
}

// trailerAEAD is the cipher of one sealing of one object's trailer.
func (k *DataKey) trailerAEAD(objectID, salt *[SaltSize]byte) cipher.AEAD {
	key := k.expand(labelTrailer, objectID[:], salt[:])
	defer clear(key[:])
	return newAEAD(&key)
}

func (k *DataKey) expand(label string, first, second []byte) [KeySize]byte {
	if k.secret == nil || isZero(k.secret[:]) {
		panic("crypto: internal error: data key used after Wipe, or never made")
	}
	return expand(k.secret, label, first, second)
}

// DeriveWrapKey writes the key that wraps data keys to key: HKDF(bucketKey, salt, "sealfront/1 wrap"). The caller wipes
// key. It is meant for whoever keeps bucket keys; all others get wrap keys from a [WrapKeyer]. A bucket key of zeros,
// which is what a wiped one looks like, is ErrZeroKey, and key then holds zeros. Source: FORMAT.md, "Keys"; RFC 5869.
func DeriveWrapKey(bucketKey *[KeySize]byte, salt *[SaltSize]byte, key *[KeySize]byte) error {
	clear(key[:])
	if isZero(bucketKey[:]) {
		return ErrZeroKey
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	extract := hmac.New(sha256.New, salt[:])
	extract.Write(bucketKey[:])
	extract.Sum(w.pseudorandom[:0])
	*key = w.expand(&w.pseudorandom, labelWrap, nil, nil)
	return nil
}

// expand is workspace.expand in a workspace of its own.
func expand(secret *[KeySize]byte, label string, first, second []byte) [KeySize]byte {
	w := workspaces.Get().(*workspace)
	defer w.release()
	return w.expand(secret, label, first, second)
}

// expand is HKDF-Expand to 32 bytes, which is one block: HMAC(secret, info ‖ 1). Extract would add nothing where the secret
// is uniform. crypto/hkdf makes ten objects of it, four times an object; TestDerivationIsHKDF holds this to it.
func (w *workspace) expand(secret *[KeySize]byte, label string, first, second []byte) [KeySize]byte {
	input := append(append(append(append(w.info[:0], label...), first...), second...), 1)
	block := hmac.New(sha256.New, secret[:])
	block.Write(input)
	block.Sum(w.expanded[:0])
	return w.expanded
}

// workspace is memory for what derivations and wraps pass to the standard library, which would else come from the heap
// each time. What it held is wiped by release.
type workspace struct {
	info                            [64]byte
	pseudorandom, expanded, wrapKey [KeySize]byte
	secrets                         [maxWrapped]byte
	additional                      []byte // nothing secret
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	clear(w.pseudorandom[:])
	clear(w.expanded[:])
	clear(w.wrapKey[:])
	clear(w.secrets[:])
	workspaces.Put(w)
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
