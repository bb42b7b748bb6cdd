package s3

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

// A ChecksumKind is one of S3's checksum algorithms. Only CRCs can be combined, so of an upload in parts the others are
// composite.
type ChecksumKind struct {
	Algorithm crypto.Algorithm
	Name      string // as in x-amz-checksum-algorithm
	Header    string
	Composite bool // may be the checksum of an upload's part checksums
	Full      bool // may be combined to one of the whole upload
	Make      func() hash.Hash
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ChecksumKinds has a row a checksum algorithm, in the order of their numbers.
var ChecksumKinds = [...]ChecksumKind{
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

// UnsupportedAlgorithm refuses x-amz-checksum-algorithm.
func UnsupportedAlgorithm() error {
	return Refuse("InvalidRequest",
		"Checksum algorithm provided is unsupported. Please try again with any of the valid types: ["+
			strings.Join(policy.ChecksumAlgorithms[:], ", ")+"]")
}

// ChecksumOf returns the kind of an algorithm, nil if there is none.
func ChecksumOf(a crypto.Algorithm) *ChecksumKind {
	for i := range ChecksumKinds {
		if ChecksumKinds[i].Algorithm == a {
			return &ChecksumKinds[i]
		}
	}
	return nil
}

// ChecksumByHeader returns the kind whose value a header carries, by its lower-case name; nil if there is none.
func ChecksumByHeader(name string) *ChecksumKind {
	for i := range ChecksumKinds {
		if ChecksumKinds[i].Header == name {
			return &ChecksumKinds[i]
		}
	}
	return nil
}

// ChecksumByName returns the kind by S3's name of it, in upper case; nil if there is none.
func ChecksumByName(name string) *ChecksumKind {
	for i := range ChecksumKinds {
		if ChecksumKinds[i].Name == name {
			return &ChecksumKinds[i]
		}
	}
	return nil
}

// ChecksumText is the value as S3 shows it.
func ChecksumText(c *crypto.Checksum) string { return base64.StdEncoding.EncodeToString(c.Value) }

// ChecksumType names a checksum's type as S3 does.
func ChecksumType(t crypto.ChecksumType) string {
	if t == crypto.Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// NewChecksum is the checksum of a whole body, with a value of its own.
func NewChecksum(kind *ChecksumKind, sum []byte) *crypto.Checksum {
	c := new(struct {
		crypto.Checksum
		value [sha512.Size]byte // the longest
	})
	c.Checksum = crypto.Checksum{Type: crypto.FullObject, Algorithm: kind.Algorithm, Value: append(c.value[:0], sum...)}
	return &c.Checksum
}

const ChecksumPrefix = "x-amz-checksum-"

// IsPartCount reports whether a composite checksum's value may end so.
func IsPartCount(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= 1 && n <= crypto.MaxParts
}

// DecodeChecksum reads a checksum's value in base64. It fails for one that isn't of the kind's length.
func DecodeChecksum(kind *ChecksumKind, value string) ([]byte, error) {
	sum, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(value))
	if err == nil && len(sum) != kind.Algorithm.Size() {
		err = base64.CorruptInputError(len(value))
	}
	return sum, err
}

// ShownChecksum is an object's checksum as S3 shows it: of how many parts a composite one is made stands behind a dash.
func ShownChecksum(c *crypto.Checksum, parts int) string {
	if c.Type == crypto.Composite {
		return ChecksumText(c) + "-" + strconv.Itoa(parts)
	}
	return ChecksumText(c)
}
