package s3

import (
	"sealfront/crypto"
)

// ChecksumValues are checksums in a document of S3, in base64; one at most has a value in an answer.
type ChecksumValues struct {
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

// Of is where the value of an algorithm stands.
func (v *ChecksumValues) Of(a crypto.Algorithm) *string {
	return [...]*string{
		crypto.CRC32: &v.ChecksumCRC32, crypto.CRC32C: &v.ChecksumCRC32C, crypto.CRC64NVME: &v.ChecksumCRC64NVME,
		crypto.SHA1: &v.ChecksumSHA1, crypto.SHA256: &v.ChecksumSHA256, crypto.SHA512: &v.ChecksumSHA512,
		crypto.MD5:      &v.ChecksumMD5,
		crypto.XXHASH64: &v.ChecksumXXHASH64, crypto.XXHASH3: &v.ChecksumXXHASH3, crypto.XXHASH128: &v.ChecksumXXHASH128,
	}[a]
}

// Show shows c, nil for none, as that of a part or of a whole body.
func (v *ChecksumValues) Show(c *crypto.Checksum) {
	if c != nil {
		*v.Of(c.Algorithm) = ChecksumText(c)
	}
}

// ChecksumPaths are the elements of checksumValues below a path.
func ChecksumPaths(below string) (paths []string) {
	for i := range ChecksumKinds {
		paths = append(paths, below+"Checksum"+ChecksumKinds[i].Name)
	}
	return paths
}

// ChecksumElements are an object's checksum in an XML answer.
type ChecksumElements struct {
	ChecksumValues
	ChecksumType string `xml:",omitempty"`
}

// Set shows c, nil for none; parts is what a composite one is made of.
func (e *ChecksumElements) Set(c *crypto.Checksum, parts int) {
	if c == nil {
		return
	}
	*e.Of(c.Algorithm) = ShownChecksum(c, parts)
	e.ChecksumType = ChecksumType(c.Type)
}

// DropCount leaves the number of parts out of a composite checksum, as GetObjectAttributes of general purpose buckets
// does.
func (e *ChecksumElements) DropCount(c *crypto.Checksum) { *e.Of(c.Algorithm) = ChecksumText(c) }
