package gateway

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"sealfront/crypto"
	"sealfront/policy"
)

// A checksumKind is one of S3's checksum algorithms. Only CRCs can be combined, so of an upload in parts the others are composite.
type checksumKind struct {
	algorithm crypto.Algorithm
	name      string // as in x-amz-checksum-algorithm
	header    string
	composite bool // may be the checksum of an upload's part checksums
	full      bool // may be combined to one of the whole upload
	make      func() hash.Hash
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var checksumKinds = [...]checksumKind{
	{crypto.CRC32, "CRC32", "x-amz-checksum-crc32", true, true, func() hash.Hash { return crc32.NewIEEE() }},
	{crypto.CRC32C, "CRC32C", "x-amz-checksum-crc32c", true, true, func() hash.Hash { return crc32.New(castagnoli) }},
	{crypto.CRC64NVME, "CRC64NVME", "x-amz-checksum-crc64nvme", false, true, func() hash.Hash { return crc64nvme.New() }},
	{crypto.SHA1, "SHA1", "x-amz-checksum-sha1", true, false, sha1.New},
	{crypto.SHA256, "SHA256", "x-amz-checksum-sha256", true, false, sha256.New},
	{crypto.SHA512, "SHA512", "x-amz-checksum-sha512", true, false, sha512.New},
	{crypto.MD5, "MD5", "x-amz-checksum-md5", true, false, md5.New},
	{crypto.XXHASH64, "XXHASH64", "x-amz-checksum-xxhash64", true, false, func() hash.Hash { return xxhash.New() }},
	{crypto.XXHASH3, "XXHASH3", "x-amz-checksum-xxhash3", true, false, func() hash.Hash { return xxh3.New() }},
	{crypto.XXHASH128, "XXHASH128", "x-amz-checksum-xxhash128", true, false, func() hash.Hash { return xxh3.New128() }},
}

// unsupportedAlgorithm refuses x-amz-checksum-algorithm.
func unsupportedAlgorithm() error {
	return refusal("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: ["+
		strings.Join(policy.ChecksumAlgorithms[:], ", ")+"]")
}

func checksumByAlgorithm(a crypto.Algorithm) *checksumKind {
	for i := range checksumKinds {
		if checksumKinds[i].algorithm == a {
			return &checksumKinds[i]
		}
	}
	return nil
}

func checksumByHeader(name string) *checksumKind {
	for i := range checksumKinds {
		if checksumKinds[i].header == name {
			return &checksumKinds[i]
		}
	}
	return nil
}

func checksumByName(name string) *checksumKind {
	for i := range checksumKinds {
		if checksumKinds[i].name == name {
			return &checksumKinds[i]
		}
	}
	return nil
}

// text is the value as S3 shows it.
func checksumText(c *crypto.Checksum) string { return base64.StdEncoding.EncodeToString(c.Value) }

// checksumType names a checksum's type as S3 does.
func checksumType(t crypto.ChecksumType) string {
	if t == crypto.Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// newChecksum is the checksum of a whole body, with a value of its own.
func newChecksum(kind *checksumKind, sum []byte) *crypto.Checksum {
	c := new(struct {
		crypto.Checksum
		value [sha512.Size]byte // the longest
	})
	c.Checksum = crypto.Checksum{Type: crypto.FullObject, Algorithm: kind.algorithm, Value: append(c.value[:0], sum...)}
	return &c.Checksum
}

const checksumPrefix = "x-amz-checksum-"

// isPartCount reports whether a composite checksum's value may end so.
func isPartCount(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= 1 && n <= crypto.MaxParts
}

func decodeChecksum(kind *checksumKind, value string) ([]byte, error) {
	sum, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(value))
	if err == nil && len(sum) != kind.algorithm.Size() {
		err = base64.CorruptInputError(len(value))
	}
	return sum, err
}
