package proxytest

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
)

// Base64 is the standard encoding of b.
func Base64(b ...byte) string { return base64.StdEncoding.EncodeToString(b) }

// MD5 is a text's MD5 sum in Base64, as Content-MD5 has it.
func MD5(s string) string {
	sum := md5.Sum([]byte(s))
	return Base64(sum[:]...)
}

// RandomBytes are the same in every run.
func RandomBytes(n int) []byte {
	var seed [32]byte
	copy(seed[:], strconv.Itoa(n))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// EdgeSizes are around every edge of the format and of the sizes at which bodies are read differently.
var EdgeSizes = []int{0, 1, 65535, 65536, 65537, 131072, 262143, 262144, 262145, 1 << 20, 5 << 20, 5<<20 + 1}

// CRC32 is a body's CRC32 as S3 writes it.
func CRC32(body string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}

const MiB = 1 << 20
