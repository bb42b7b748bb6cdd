package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
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
