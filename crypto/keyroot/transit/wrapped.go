package transit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"sealfront/crypto/keyroot"
)

// A wrapped key, version 1:
//
//	1 | length of the ciphertext, 2 bytes | ciphertext of Transit: vault:vN:BASE64 | key sealed, 32 + 16 bytes
//
// The ciphertext is a data key of 32 bytes, made by Transit for this one key. The key is sealed under it by AES-256-GCM
// with a nonce of zeros, which is safe as the data key seals nothing else, and with boundTo(name) as additional data.
const (
	wrappedVersion = 1
	prefixSize     = 3
	keySize        = 32
	sealedSize     = keySize + 16
	maxCiphertext  = 512 // bytes of text
)

// boundTo is the additional data of a key with this name, and its digest the context of a derived Transit key.
func boundTo(name string) []byte { return []byte("sealfront root transit\x00" + name) }

func contextOf(name string) []byte {
	digest := sha256.Sum256(boundTo(name))
	return digest[:]
}

// seal returns key wrapped. dataKey is the caller's.
func seal(ciphertext string, dataKey []byte, name string, key *[keySize]byte) ([]byte, error) {
	aead, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	wrapped := make([]byte, prefixSize, prefixSize+len(ciphertext)+sealedSize)
	wrapped[0] = wrappedVersion
	binary.BigEndian.PutUint16(wrapped[1:], uint16(len(ciphertext)))
	wrapped = append(wrapped, ciphertext...)
	return aead.Seal(wrapped, make([]byte, aead.NonceSize()), key[:], boundTo(name)), nil
}

// split takes a wrapped key apart. sealed shares its memory.
func split(wrapped []byte) (ciphertext string, sealed []byte, err error) {
	if len(wrapped) < prefixSize || wrapped[0] != wrappedVersion {
		return "", nil, keyroot.ErrWrong
	}
	length := int(binary.BigEndian.Uint16(wrapped[1:]))
	if len(wrapped) != prefixSize+length+sealedSize {
		return "", nil, keyroot.ErrWrong
	}
	ciphertext, sealed = string(wrapped[prefixSize:prefixSize+length]), wrapped[prefixSize+length:]
	if !isCiphertext(ciphertext) {
		return "", nil, keyroot.ErrWrong
	}
	return ciphertext, sealed, nil
}

// open unseals into key. dataKey is the caller's.
func open(sealed, dataKey []byte, name string, key *[keySize]byte) error {
	aead, err := newAEAD(dataKey)
	if err != nil {
		return err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, boundTo(name))
	if err != nil {
		return keyroot.ErrWrong
	}
	copy(key[:], plain)
	clear(plain)
	return nil
}

func newAEAD(dataKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// isCiphertext reports whether text is a data key under a Transit key of an authenticated cipher: nonce of 12 bytes
// (AES-GCM, ChaCha20-Poly1305) or 24 (XChaCha20-Poly1305), 32 bytes, and a tag of 16. Of other kinds of key, which have
// other lengths, an altered ciphertext couldn't be told from a server's fault. There is one way to write a ciphertext.
func isCiphertext(text string) bool {
	if len(text) > maxCiphertext {
		return false
	}
	_, rest, ok := strings.Cut(text, ":v") // the server knows its own prefix
	version, encoded, more := strings.Cut(rest, ":")
	if n, err := strconv.Atoi(version); !ok || !more || err != nil || n < 1 || strconv.Itoa(n) != version {
		return false // v0 would open as v1 does
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	return err == nil && (len(raw) == 12+sealedSize || len(raw) == 24+sealedSize) &&
		base64.StdEncoding.EncodeToString(raw) == encoded
}
