package policy

import "strings"

// conditionValues answers every condition key that a policy may have, from three sources that can't be mixed up: the
// one Request, the one Caller, and the Target that a permission is asked for. It lives in the Request so that asking
// costs no allocation.
type conditionValues struct {
	r       *Request
	caller  *Caller
	target  *Target
	mode    string
	unknown unknowns
}

// unknowns are condition keys whose values aren't known yet while a permission is asked for: an Allow under one may
// still hold, a Deny doesn't. Whoever has them set asks again when the values are known, or carries nothing out.
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

// Value returns the value of a condition key in lower case.
func (v *conditionValues) Value(key string) (string, bool) {
	if value, ok, about := v.ofTarget(key); about {
		return value, ok
	}
	switch key {
	case "s3express:sessionmode":
		return v.mode, v.mode != ""
	case "aws:securetransport":
		if v.r.TLS {
			return "true", true
		}
		return "false", true
	case "aws:principalarn":
		return v.caller.Principal, v.caller.Principal != ""
	case "aws:principalaccount":
		return v.caller.Account, v.caller.Account != ""
	}
	d := v.r.inspect()
	switch key {
	case "s3:prefix":
		return d.query(qPrefix), d.asks(qPrefix)
	case "s3:delimiter":
		return d.query(qDelimiter), d.asks(qDelimiter)
	case "s3:max-keys":
		return d.query(qMaxKeys), d.asks(qMaxKeys)
	case "s3:if-match":
		return d.header(hIfMatch), d.has(hIfMatch)
	case "s3:if-none-match":
		return d.header(hIfNoneMatch), d.has(hIfNoneMatch)
	case tagKeysKey:
		return "", len(v.r.tags) > 0 // what they are is asked one by one
	case "s3:object-lock-mode":
		return d.header(hLockMode), d.has(hLockMode)
	}
	for _, service := range [...]string{"s3:", "s3express:"} {
		// Only x-amz- headers are condition keys: any other header would let the client write the answer.
		if name, cut := strings.CutPrefix(key, service); cut && strings.HasPrefix(name, "x-amz-") {
			return v.r.Value(name)
		}
	}
	if tag, ok := strings.CutPrefix(key, requestTagPrefix); ok {
		if v.r.untags {
			return "", false
		}
		return onlyTag(v.r.tags, tag)
	}
	if v.caller.Values != nil {
		return v.caller.Values.Value(key)
	}
	return "", false
}

// ofTarget answers the keys that are about the resource; about is false for all others.
func (v *conditionValues) ofTarget(key string) (value string, ok, about bool) {
	t := v.target
	switch key {
	case "s3express:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id":
		return t.KeyARN, t.KeyARN != "", true
	case "s3:versionid":
		return t.Version, t.Version != "", true
	case "aws:resourceaccount", "s3:resourceaccount", "s3express:resourceaccount":
		return t.Account, t.Account != "", true
	case "s3express:locationname":
		value = zoneOf(t.BucketARN)
		return value, value != "", true
	}
	for _, prefix := range [...]string{resourceTagPrefix, bucketTagPrefix, generalTagPrefix} {
		if tag, cut := strings.CutPrefix(key, prefix); cut {
			// Keys of tags tell case apart, condition keys don't: of several the first in order would be anybody's
			// guess.
			value, ok = onlyTag(t.Tags, tag)
			return value, ok, true
		}
	}
	return "", false, false
}

// onlyTag returns the value of the one tag that has this key in lower case.
func onlyTag(tags Tags, lower string) (value string, ok bool) {
	for _, tag := range tags {
		if !strings.EqualFold(tag.Key, lower) {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = tag.Value, true
	}
	return value, ok
}

// zoneOf is the zone in the ARN of a directory bucket, "" for others.
func zoneOf(bucketARN string) string {
	name, cut := strings.CutPrefix(resourceOf(bucketARN), "bucket/")
	if !cut || KindOf(name) != Directory {
		return ""
	}
	rest := strings.TrimSuffix(name, directorySuffix)
	return rest[strings.LastIndex(rest, "--")+2:]
}
