package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

func sha256Of(b []byte) *[32]byte {
	sum := sha256.Sum256(b)
	return &sum
}

func hexOf(sum *[32]byte) string { return hexOf2(sum[:]) }

func hexOf2(b []byte) string { return hex.EncodeToString(b) }

func hmacOf(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}
