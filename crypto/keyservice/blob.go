package keyservice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// A ciphertext blob is
//
//	version 1 (1 byte) ‖ key id (36 bytes) ‖ salt (16 bytes) ‖ AES-256-GCM(plaintext) with its tag (16 bytes)
//
// under HKDF-SHA256(key material, salt, "sealfront localkms 1"), zero nonce, since every blob has its own key. The
// additional data is all that stands before the ciphertext, and the encryption context: each pair in order of names,
// names and values preceded by their lengths (4 bytes, big-endian).
const (
	blobVersion = 1
	idSize      = 36 // of a UUID, and of mrk- with 32 digits
	saltSize    = 16
	tagSize     = 16
	headerSize  = 1 + idSize + saltSize
	blobInfo    = "sealfront localkms 1"
)

var errCiphertext = fail("InvalidCiphertextException", "")

// seal makes a blob that opens only under k and with context.
func (k *key) seal(plaintext []byte, context map[string]string) ([]byte, error) {
	blob := make([]byte, headerSize, headerSize+len(plaintext)+tagSize)
	blob[0] = blobVersion
	copy(blob[1:], k.ID)
	if _, err := rand.Read(blob[1+idSize:]); err != nil {
		return nil, err
	}
	aead, err := blobAEAD(k.Material, blob[1+idSize:headerSize])
	if err != nil {
		return nil, err
	}
	return aead.Seal(blob, make([]byte, aead.NonceSize()), plaintext, additionalData(blob, context)), nil
}

// open returns the plaintext of a blob, or errCiphertext and nothing. Which of the key's materials it was sealed under
// shows by its tag.
func (k *key) open(blob []byte, context map[string]string) ([]byte, error) {
	if blobKey(blob) != k.ID {
		return nil, errCiphertext
	}
	for _, material := range append([][]byte{k.Material}, k.Former...) {
		aead, err := blobAEAD(material, blob[1+idSize:headerSize])
		if err != nil {
			return nil, err
		}
		plaintext, err := aead.Open(nil, make([]byte, aead.NonceSize()), blob[headerSize:],
			additionalData(blob[:headerSize], context))
		if err == nil {
			return plaintext, nil
		}
	}
	return nil, errCiphertext
}

// blobKey returns the id of the key a blob says it is sealed under, "" when it is no blob.
func blobKey(blob []byte) string {
	if len(blob) < headerSize+tagSize || blob[0] != blobVersion {
		return ""
	}
	return string(blob[1 : 1+idSize])
}

func blobAEAD(material, salt []byte) (cipher.AEAD, error) {
	secret, err := hkdf.Key(sha256.New, material, salt, blobInfo, materialSize)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func additionalData(header []byte, context map[string]string) []byte {
	names := make([]string, 0, len(context))
	for name := range context {
		names = append(names, name)
	}
	slices.Sort(names)
	data := slices.Clone(header)
	for _, name := range names {
		data = appendText(appendText(data, name), context[name])
	}
	return data
}

func appendText(data []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(data, uint32(len(text))), text...)
}
