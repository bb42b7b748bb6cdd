package proxytest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"sealfront/sigv4"
)

// An Algorithm is one of S3's checksums. Hello is that of "hello" in hexadecimal, from elsewhere than the library:
// RFCs, xxhsum, Amazon's own tests.
type Algorithm struct {
	Name  string
	Full  bool // of an upload in parts it is the full object's, otherwise composite
	New   func() hash.Hash
	Hello string
}

// Algorithms are those that S3 has.
var Algorithms = []Algorithm{
	{"CRC32", true, func() hash.Hash { return crc32.NewIEEE() }, "3610a686"},
	{"CRC32C", true, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, "9a71bb4c"},
	{"CRC64NVME", true, func() hash.Hash { return crc64nvme.New() }, "3377857006524257"},
	{"SHA1", false, sha1.New, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
	{"SHA256", false, sha256.New, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	{
		"SHA512", false, sha512.New,
		"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
	},
	{"MD5", false, md5.New, "5d41402abc4b2a76b9719d911017c592"},
	{"XXHASH64", false, func() hash.Hash { return xxhash.New() }, "26c7827d889f6da3"},
	{"XXHASH3", false, func() hash.Hash { return xxh3.New() }, "9555e8555c62dcfd"},
	{"XXHASH128", false, func() hash.Hash { return xxh3.New128() }, "b5e9c1ad071b3e7fc779cfaa5e523818"},
}

// Header is the name of the header that has a checksum.
func (g *Algorithm) Header() string { return "X-Amz-Checksum-" + strings.ToLower(g.Name) }

// Of is the checksum of a body, in base64.
func (g *Algorithm) Of(bodies ...[]byte) string { return Base64(g.Binary(bodies...)...) }

// Binary is the checksum of a body.
func (g *Algorithm) Binary(bodies ...[]byte) []byte {
	h := g.New()
	for _, b := range bodies {
		h.Write(b)
	}
	return h.Sum(nil)
}

// Wrong has the right length and is no checksum of what the tests send.
func (g *Algorithm) Wrong() string {
	return Base64(bytes.Repeat([]byte{0xa5}, len(g.Binary()))...)
}

// Uploaded is that of an object of these parts, as S3 shows it, and its type.
func (g *Algorithm) Uploaded(parts ...[]byte) (value, kind string) {
	if g.Full {
		return g.Of(parts...), "FULL_OBJECT"
	}
	var sums []byte
	for _, part := range parts {
		sums = append(sums, g.Binary(part)...)
	}
	return fmt.Sprint(g.Of(sums), "-", len(parts)), "COMPOSITE"
}

// Shows compares what HEAD and GET say of an object's checksum.
func (g *Algorithm) Shows(t *testing.T, p *Program, bucket, key, value, kind string) {
	t.Helper()
	for _, method := range []string{"HEAD", "GET"} {
		a := p.Do(&Request{
			Method: method, Path: "/" + bucket + "/" + key,
			Header: []sigv4.Field{Field("X-Amz-Checksum-Mode", "ENABLED")},
		})
		if got := a.Header.Get(g.Header()); a.StatusCode != 200 || got != value ||
			a.Header.Get("X-Amz-Checksum-Type") != kind {
			t.Errorf("%s of %s: %d, checksum %q %s, want %q %s", method, key, a.StatusCode, got,
				a.Header.Get("X-Amz-Checksum-Type"), value, kind)
		}
	}
}
