package main

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

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// An algorithm is one of S3's checksums. hello is that of "hello", from elsewhere than the library: RFCs, xxhsum, Amazon's own tests.
type algorithm struct {
	name  string
	full  bool // of an upload in parts the full object's, else composite
	make  func() hash.Hash
	hello string
}

var algorithms = []algorithm{
	{"CRC32", true, func() hash.Hash { return crc32.NewIEEE() }, "3610a686"},
	{"CRC32C", true, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, "9a71bb4c"},
	{"CRC64NVME", true, func() hash.Hash { return crc64nvme.New() }, "3377857006524257"},
	{"SHA1", false, sha1.New, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
	{"SHA256", false, sha256.New, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	{"SHA512", false, sha512.New, "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"},
	{"MD5", false, md5.New, "5d41402abc4b2a76b9719d911017c592"},
	{"XXHASH64", false, func() hash.Hash { return xxhash.New() }, "26c7827d889f6da3"},
	{"XXHASH3", false, func() hash.Hash { return xxh3.New() }, "9555e8555c62dcfd"},
	{"XXHASH128", false, func() hash.Hash { return xxh3.New128() }, "b5e9c1ad071b3e7fc779cfaa5e523818"},
}

func (g *algorithm) header() string { return "X-Amz-Checksum-" + strings.ToLower(g.name) }

// of is the value of a body, in base64, and in binary.
func (g *algorithm) of(bodies ...[]byte) string { return proxytest.Base64(g.binary(bodies...)...) }

func (g *algorithm) binary(bodies ...[]byte) []byte {
	h := g.make()
	for _, b := range bodies {
		h.Write(b)
	}
	return h.Sum(nil)
}

// wrong has the right length and is no checksum of what the tests send.
func (g *algorithm) wrong() string {
	return proxytest.Base64(bytes.Repeat([]byte{0xa5}, len(g.binary()))...)
}

// uploaded is that of an object of these parts, as S3 shows it, and its type.
func (g *algorithm) uploaded(parts ...[]byte) (value, kind string) {
	if g.full {
		return g.of(parts...), "FULL_OBJECT"
	}
	var sums []byte
	for _, part := range parts {
		sums = append(sums, g.binary(part)...)
	}
	return fmt.Sprint(g.of(sums), "-", len(parts)), "COMPOSITE"
}

// shows compares what HEAD and GET say of an object's checksum.
func (g *algorithm) shows(t *testing.T, p *proxytest.Program, bucket, key, value, kind string) {
	t.Helper()
	for _, method := range []string{"HEAD", "GET"} {
		a := p.Do(&proxytest.Request{Method: method, Path: "/" + bucket + "/" + key, Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")}})
		if got := a.Header.Get(g.header()); a.StatusCode != 200 || got != value || a.Header.Get("X-Amz-Checksum-Type") != kind {
			t.Errorf("%s of %s: %d, checksum %q %s, want %q %s", method, key, a.StatusCode, got, a.Header.Get("X-Amz-Checksum-Type"), value, kind)
		}
	}
}
