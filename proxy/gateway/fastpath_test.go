package gateway

import (
	"strings"
	"testing"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// describes is the plain reading: whether a lower-case name is one that describes an object.
func describes(name string) bool {
	return name == "content-type" || name == "content-encoding" || objects.IsStored(name) ||
		strings.HasPrefix(name, objects.UserMetadata)
}

// FuzzHeadersAreNotRuledOut holds the look at two letters against whole names.
func FuzzHeadersAreNotRuledOut(f *testing.F) {
	for _, name := range []string{
		"", "c", "Content-Type", "CONTENT-ENCODING", "expires", "Cache-Control", "content-disposition",
		"Content-Language",
		"x-amz-meta-", "X-Amz-Meta-Name", "x-amz-metb", "last-modified", "Last-Modified", "x-amz-checksum-crc32",
		"X-AMZ-CHECKSUM-SHA256", "x-amz-checksum-", "host", "x-amz-", "date",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var buf s3.NameBuffer
		lower := s3.LowerName([]byte(name), &buf)
		if describes(lower) && !maybeMetadata([]byte(name)) {
			t.Errorf("%q is ruled out of the object's metadata", name)
		}
		if (describes(lower) || lower == "last-modified") && !maybeShown([]byte(name)) {
			t.Errorf("%q is ruled out of the answer", name)
		}
		if strings.HasPrefix(lower, s3.ChecksumPrefix) && len(lower) > len(s3.ChecksumPrefix) &&
			!maybeChecksum([]byte(name)) {
			t.Errorf("%q is ruled out of checksums", name)
		}
	})
}
