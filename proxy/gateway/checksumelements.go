package gateway

import (
	"strconv"

	"sealfront/crypto"
)

// checksumValues are checksums in a document of S3, in base64; one at most has a value in an answer.
type checksumValues struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
	ChecksumSHA512    string `xml:",omitempty"`
	ChecksumMD5       string `xml:",omitempty"`
	ChecksumXXHASH64  string `xml:",omitempty"`
	ChecksumXXHASH3   string `xml:",omitempty"`
	ChecksumXXHASH128 string `xml:",omitempty"`
}

// of is where the value of an algorithm stands.
func (v *checksumValues) of(a crypto.Algorithm) *string {
	return [...]*string{
		crypto.CRC32: &v.ChecksumCRC32, crypto.CRC32C: &v.ChecksumCRC32C, crypto.CRC64NVME: &v.ChecksumCRC64NVME,
		crypto.SHA1: &v.ChecksumSHA1, crypto.SHA256: &v.ChecksumSHA256, crypto.SHA512: &v.ChecksumSHA512, crypto.MD5: &v.ChecksumMD5,
		crypto.XXHASH64: &v.ChecksumXXHASH64, crypto.XXHASH3: &v.ChecksumXXHASH3, crypto.XXHASH128: &v.ChecksumXXHASH128,
	}[a]
}

// show shows c, nil for none, as that of a part or of a whole body.
func (v *checksumValues) show(c *crypto.Checksum) {
	if c != nil {
		*v.of(c.Algorithm) = checksumText(c)
	}
}

// checksumPaths are the elements of checksumValues below a path.
func checksumPaths(below string) (paths []string) {
	for i := range checksumKinds {
		paths = append(paths, below+"Checksum"+checksumKinds[i].name)
	}
	return paths
}

// checksumElements are an object's checksum in an XML answer.
type checksumElements struct {
	checksumValues
	ChecksumType string `xml:",omitempty"`
}

// set shows c, nil for none; parts is what a composite one is made of.
func (e *checksumElements) set(c *crypto.Checksum, parts int) {
	if c == nil {
		return
	}
	value := checksumText(c)
	if c.Type == crypto.Composite {
		value += "-" + strconv.Itoa(parts)
	}
	*e.of(c.Algorithm) = value
	e.ChecksumType = checksumType(c.Type)
}

// dropCount leaves the number of parts out of a composite checksum, as GetObjectAttributes of general purpose buckets does.
func (e *checksumElements) dropCount(c *crypto.Checksum) { *e.of(c.Algorithm) = checksumText(c) }
