package policy

import "strings"

// A header, parameter or document that asks for something which isn't done must be refused: whoever sends it relies on
// it. S3 gets new ones, so what this package doesn't know is not the same as what is harmless. The families below
// promise something by their names. testdata/model.txt of package gateway has what the SDKs send today, each with what
// becomes of it.

const (
	amzPrefix      = "x-amz-"
	checksumPrefix = amzPrefix + "checksum-"
	trailerHeader  = amzPrefix + "trailer"
)

// families are the beginnings of headers that promise something about an object, a bucket or a condition.
var families = [...]string{
	"x-amz-acl", "x-amz-annotation", "x-amz-bucket-", "x-amz-bypass-", "x-amz-checksum-", "x-amz-copy-source-",
	"x-amz-event-", "x-amz-grant-",
	"x-amz-if-", "x-amz-mp-", "x-amz-object-", "x-amz-rename-source-", "x-amz-sdk-checksum-",
	"x-amz-server-side-encryption", "x-amz-tagging",
	"x-amz-write-",
}

// servedElsewhere are the headers of these families that have no headerID, since no rule here reads them.
var servedElsewhere = func() map[string]struct{} {
	names := []string{
		"x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-sdk-checksum-algorithm",
		"x-amz-mp-object-size",
		"x-amz-bucket-object-lock-token", // Amazon's support hands it out; it is no promise
	}
	for _, algorithm := range ChecksumAlgorithms {
		names = append(names, checksumPrefix+strings.ToLower(algorithm))
	}
	for _, source := range [...]string{"x-amz-copy-source-if-", "x-amz-rename-source-if-"} {
		for _, condition := range [...]string{"match", "none-match", "modified-since", "unmodified-since"} {
			names = append(names, source+condition)
		}
	}
	set := make(map[string]struct{}, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}()

// ChecksumAlgorithms are S3's names of the checksums that a body, a part and an object may have.
var ChecksumAlgorithms = [...]string{
	"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128",
}

// askedElsewhere are the query parameters that have no queryID, since no rule here reads them, and that may be
// empty.
var askedElsewhere = map[string]struct{}{
	"annotation-prefix": {}, "annotationName": {}, "bucket-region": {}, "continuation-token": {}, "fetch-owner": {},
	"id": {}, "key-marker": {},
	"marker": {}, "max-annotation-results": {}, "max-buckets": {}, "version-id-marker": {},
}

// mayBeEmpty reports whether a parameter that no rule here reads is known nevertheless, and so no subresource.
func mayBeEmpty(name string) bool {
	_, asked := askedElsewhere[name]
	return asked || strings.HasPrefix(name, "response-")
}
