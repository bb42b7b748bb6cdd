package policy

import "strings"

// requestValues answers every condition key that a policy may have, from three sources that can't be mixed up: the one
// Request, the one Caller, and the Target that a permission is decided for. It is the Request by another name, whose
// question it answers, so that an answer costs no allocation.
type requestValues Request

// ask makes q the question that the request's values answer.
func (r *Request) ask(q question) *requestValues {
	r.question = q
	return (*requestValues)(r)
}

func (v *requestValues) isUnknown(key string) bool { return v.unknown.has(key) }
func (v *requestValues) tagKeys() Tags             { return v.tags }

// Value returns the value of a condition key in lower case.
func (v *requestValues) Value(key string) (string, bool) {
	if value, ok, about := v.ofTarget(key); about {
		return value, ok
	}
	switch key {
	case "s3express:sessionmode":
		return v.question.mode, v.question.mode != ""
	case "aws:securetransport":
		if v.TLS {
			return "true", true
		}
		return "false", true
	case "aws:principalarn":
		return v.question.caller.Principal, v.question.caller.Principal != ""
	case "aws:principalaccount":
		return v.question.caller.Account, v.question.caller.Account != ""
	}
	d := (*Request)(v).inspect()
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
		return "", len(v.tags) > 0 // openValues.tagKeys has what they are
	case "s3:object-lock-mode":
		return d.header(hLockMode), d.has(hLockMode)
	}
	for _, service := range [...]string{"s3:", "s3express:"} {
		// Only x-amz- headers are condition keys: any other header would let the client write the answer.
		if name, cut := strings.CutPrefix(key, service); cut && strings.HasPrefix(name, "x-amz-") {
			return (*Request)(v).Value(name)
		}
	}
	if tag, ok := strings.CutPrefix(key, requestTagPrefix); ok {
		if v.untags {
			return "", false
		}
		return onlyTag(v.tags, tag)
	}
	if v.question.caller.Values != nil {
		return v.question.caller.Values.Value(key)
	}
	return "", false
}

// ofTarget answers the keys that are about the resource; about is false for all others.
func (v *requestValues) ofTarget(key string) (value string, ok, about bool) {
	t := v.question.target
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
			// Keys of tags are case-sensitive, condition keys aren't: of several the first in order would be anybody's
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
