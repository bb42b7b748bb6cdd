package policy

import "strings"

// unknowns are condition keys whose values aren't known yet while a permission is decided: an Allow under one may
// still hold, a Deny doesn't. Whoever sets them decides again when the values are known, or carries nothing out.
type unknowns uint8

const (
	unknownKey     unknowns = 1 << iota // the KMS key: an alias, or a choice that is refused anyway
	unknownVersion                      // the version of an entry of DeleteObjects
	unknownTags                         // the tags in a document that isn't read yet
)

// has reports whether the value of key isn't known yet.
func (u unknowns) has(key string) bool {
	switch {
	case u == 0:
		return false
	case u&unknownKey != 0 && strings.HasSuffix(key, ":x-amz-server-side-encryption-aws-kms-key-id"):
		return true
	case u&unknownVersion != 0 && key == "s3:versionid":
		return true
	}
	return u&unknownTags != 0 && (key == tagKeysKey || strings.HasPrefix(key, requestTagPrefix))
}
