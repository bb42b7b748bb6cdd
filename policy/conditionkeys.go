package policy

import (
	"slices"
	"strings"
)

// conditionKeyNames are the condition keys that requests can have a value for, spelled as AWS does: those that
// requestValues answers from the request and its target, and those that the Caller's Values answer. Those that
// end in a slash are followed by the key of a tag. A policy with any other key is refused: a Deny under a key that
// never has a value would never deny.
var conditionKeyNames = func() (names []string) {
	for service, list := range map[string]string{
		"aws": `CurrentTime EpochTime FederatedProvider PrincipalAccount PrincipalArn PrincipalTag/ PrincipalType Referer
			RequestedRegion RequestTag/ ResourceAccount ResourceTag/ SecureTransport SourceIp TagKeys TokenIssueTime UserAgent
			userid username`,
		"s3": `authType BucketTag/ delimiter if-match if-none-match max-keys object-lock-mode prefix ResourceAccount
			signatureAge signatureversion TlsVersion VersionId x-amz-acl x-amz-bucket-namespace x-amz-content-sha256
			x-amz-copy-source x-amz-grant-full-control x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write
			x-amz-grant-write-acp x-amz-metadata-directive x-amz-object-ownership x-amz-server-side-encryption
			x-amz-server-side-encryption-aws-kms-key-id x-amz-server-side-encryption-customer-algorithm
			x-amz-storage-class x-amz-website-redirect-location`,
		"s3express": `authType BucketTag/ LocationName ResourceAccount SessionMode signatureAge signatureversion
			TlsVersion x-amz-content-sha256 x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id`,
	} {
		for name := range strings.FieldsSeq(list) {
			names = append(names, service+":"+name)
		}
	}
	slices.Sort(names)
	return names
}()

// conditionKeys are those without a tag, in lower case.
var conditionKeys = func() map[string]bool {
	keys := map[string]bool{}
	for _, name := range conditionKeyNames {
		if !strings.HasSuffix(name, "/") {
			keys[strings.ToLower(name)] = true
		}
	}
	return keys
}()

// Prefixes of condition keys that are followed by the key of a tag: of the bucket, of those that a request's document
// sets, or of the session that a role was assumed for.
const (
	bucketTagPrefix   = "s3express:buckettag/"
	generalTagPrefix  = "s3:buckettag/"
	resourceTagPrefix = "aws:resourcetag/"
	requestTagPrefix  = "aws:requesttag/"
	callerTagPrefix   = "aws:principaltag/"
)

// tagKeysKey has the keys of the tags that a request's document sets: the one condition key with several values.
const tagKeysKey = "aws:tagkeys"

// ConditionKeys calls yield for every condition key that a policy may ask for, spelled as AWS does and in order, until
// it returns false. What ends in a slash is to be followed by the key of a tag.
func ConditionKeys(yield func(name string) bool) {
	for _, name := range conditionKeyNames {
		if !yield(name) {
			return
		}
	}
}

// IsConditionKey reports whether a policy may ask for key, in lower case. Requests of the right kind have a value for
// it.
func IsConditionKey(key string) bool {
	if conditionKeys[key] {
		return true
	}
	for _, prefix := range [...]string{
		bucketTagPrefix, generalTagPrefix, resourceTagPrefix, requestTagPrefix, callerTagPrefix,
	} {
		if strings.HasPrefix(key, prefix) && len(key) > len(prefix) {
			return true
		}
	}
	return false
}
