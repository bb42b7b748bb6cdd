package policy

import "strings"

// conditionKeys are the condition keys that requests can have a value for, in lower case: those that conditionValues answers
// from the request, and those that the Caller's Values are asked for. A policy with any other key is refused: a Deny
// under a key that never has a value would never deny.
var conditionKeys = func() map[string]bool {
	keys := map[string]bool{}
	for service, names := range map[string]string{
		"aws": "currenttime epochtime principalaccount principalarn principaltype referer requestedregion resourceaccount securetransport sourceip useragent username",
		"s3": "authtype delimiter if-match if-none-match max-keys prefix resourceaccount signatureage signatureversion tlsversion versionid " +
			"x-amz-acl x-amz-content-sha256 x-amz-copy-source x-amz-grant-full-control x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write " +
			"x-amz-grant-write-acp x-amz-metadata-directive x-amz-object-ownership x-amz-server-side-encryption " +
			"x-amz-server-side-encryption-aws-kms-key-id x-amz-server-side-encryption-customer-algorithm x-amz-storage-class x-amz-website-redirect-location",
		"s3express": "authtype resourceaccount sessionmode signatureage signatureversion tlsversion " +
			"x-amz-content-sha256 x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id",
	} {
		for name := range strings.FieldsSeq(names) {
			keys[service+":"+name] = true
		}
	}
	return keys
}()

// bucketTagPrefix is followed by the key of a bucket's tag.
const bucketTagPrefix = "s3express:buckettag/"

// IsConditionKey reports whether a policy may ask for key, in lower case. Requests of the right kind have a value for it.
func IsConditionKey(key string) bool {
	return conditionKeys[key] || strings.HasPrefix(key, bucketTagPrefix) && len(key) > len(bucketTagPrefix)
}

// conditionFault is what is wrong with a condition in a way that Amazon has words for.
type conditionFault struct {
	why             string
	amazons, detail string // the message in a MalformedPolicy
}

func (f *conditionFault) Error() string { return f.why }
