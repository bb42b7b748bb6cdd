package keyservice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSAES_OAEP_SHA_1 is one of KMS's algorithms
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"slices"
	"time"
)

// importTime is how long the parameters of an import are valid, as in KMS.
const importTime = 24 * time.Hour

// wrappings are the algorithms that material may be encrypted by, and the sizes of their RSA keys.
var (
	wrappings = map[string]func() hash.Hash{"RSAES_OAEP_SHA_256": sha256.New, "RSAES_OAEP_SHA_1": sha1.New}
	wrapSizes = map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
)

type importParametersInput struct{ KeyId, WrappingAlgorithm, WrappingKeySpec string }

type importParameters struct {
	KeyId             string
	ImportToken       []byte
	PublicKey         []byte
	ParametersValidTo timestamp
}

// getParametersForImport makes an RSA key. Its private part is in the token, sealed under the record's key, so that any
// replica can carry out the import.
func (c *call) getParametersForImport(in *importParametersInput) (*importParameters, error) {
	size := wrapSizes[in.WrappingKeySpec]
	switch {
	case wrappings[in.WrappingAlgorithm] == nil:
		return nil, unsupported("This key service imports material that was encrypted by RSAES_OAEP_SHA_256 or "+
			"RSAES_OAEP_SHA_1, not by '%s'.", in.WrappingAlgorithm)
	case size == 0:
		return nil, validation("1 validation error detected: Value '%s' at 'wrappingKeySpec' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096]", in.WrappingKeySpec)
	}
	k, err := c.findByID("GetParametersForImport", in.KeyId)
	if err != nil {
		return nil, err
	}
	if failure := k.importable(); failure != nil {
		return nil, failure
	}
	private, err := rsa.GenerateKey(rand.Reader, size)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	until := c.o.Now().UTC().Add(importTime)
	token, err := c.sealImportToken(k.ID, in.WrappingAlgorithm, until, private)
	if err != nil {
		return nil, err
	}
	return &importParameters{KeyId: k.ARN, ImportToken: token, PublicKey: public, ParametersValidTo: stamp(until)}, nil
}

// An import token is salt (16 bytes) ‖ AES-256-GCM(valid until (8) ‖ length of the algorithm's name (1) ‖ name ‖
// private key) under HKDF(record key, salt, importInfo), zero nonce, the key's id as additional data.
const importInfo = "sealfront import token 1"

func (c *call) sealImportToken(id, algorithm string, until time.Time, private *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	plain := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	plain = append(append(append(plain, byte(len(algorithm))), algorithm...), der...)
	defer clear(plain)
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	aead, err := c.importAEAD(id, salt)
	if err != nil {
		return nil, err
	}
	return aead.Seal(salt, make([]byte, aead.NonceSize()), plain, []byte(id)), nil
}

// openImportToken returns what getParametersForImport has made for a key.
func (c *call) openImportToken(id string, token []byte) (algorithm string, private *rsa.PrivateKey, err error) {
	invalid := fail("InvalidImportTokenException",
		"The import token isn't one of %s, or was issued before its record was moved.", id)
	if len(token) < saltSize {
		return "", nil, invalid
	}
	aead, err := c.importAEAD(id, token[:saltSize])
	if err != nil {
		return "", nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), token[saltSize:], []byte(id))
	if err != nil || len(plain) < 9 || len(plain) < 9+int(plain[8]) {
		return "", nil, invalid
	}
	defer clear(plain)
	if !c.o.Now().Before(time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)) {
		return "", nil, fail("ExpiredImportTokenException", "The import token has expired.")
	}
	n := 9 + int(plain[8])
	parsed, err := x509.ParsePKCS8PrivateKey(plain[n:])
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return "", nil, invalid
	}
	return string(plain[9:n]), private, nil
}

// importAEAD is under the record key of a key that the call has read.
func (c *call) importAEAD(id string, salt []byte) (cipher.AEAD, error) {
	for _, v := range slices.Backward(c.views) {
		s := v.snapshots[keyRecord(id)]
		if s == nil || s.record == nil {
			continue
		}
		secret, err := hkdf.Key(sha256.New, s.secret[:], salt, importInfo, materialSize)
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
	panic("keyservice: internal error: an import of a key that wasn't read")
}
