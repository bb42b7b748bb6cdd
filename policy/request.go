package policy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Fields is a view of a request's header fields or query parameters. Names of headers are compared
// without case: Get is called with lower case, All may yield any case. Names and values of query
// parameters are those after percent decoding, compared exactly. Strings need to live only as long as
// the Request that refers to the view.
type Fields interface {
	// Get returns the first value of name; ok reports whether there is one.
	Get(name string) (value string, ok bool)
	// All calls yield for every field in the order received, repeated ones each time, until it returns false.
	All(yield func(name, value string) bool)
}

// MapFields is a Fields for tests and tools. Names of headers are in lower case.
type MapFields map[string][]string

// Get returns the first value of name.
func (m MapFields) Get(name string) (string, bool) {
	if v := m[name]; len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// All yields every value of every name, by name: what is refused first is the same each time.
func (m MapFields) All(yield func(name, value string) bool) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		for _, v := range m[name] {
			if !yield(name, v) {
				return
			}
		}
	}
}

// Signature says how a request is signed, before anybody has checked it.
type Signature uint8

const (
	SigV4     Signature = iota // Signature Version 4, header or query or form
	SigV2                      // Signature Version 2
	Anonymous                  // not signed
)

// Request is what this package sees of a request. The caller fills in the exported fields; the first
// function that is given the Request then reads Header and Query once, and later changes of them are
// not seen until Reset. Query parameters that name an x-amz- header (presigned URLs carry headers so)
// count as that header.
//
// A Request is for one goroutine at a time. It holds state that makes reading free of allocation from
// the second use on, so keep it, Reset it, and don't copy it. Strings are borrowed, never kept past
// Reset, except in a Refusal.
type Request struct {
	Method      string    // as received
	Bucket, Key string    // decoded; Bucket is "" for the service, Key is "" for the bucket itself
	Header      Fields    // nil: none
	Query       Fields    // nil: none
	Control     Control   // of a call of S3 Control; Bucket is then the bucket that its ARN names, and Key ""
	TLS         bool      // received over TLS, or over a trusted proxy that says so
	Signature   Signature // how it is signed
	SigningName string    // service name of the credential scope, "" when it is not known

	self     *Request // the address for which the observers below were made
	onHeader func(name, value string) bool
	onQuery  func(name, value string) bool
	valid    string // a bucket's name that was found valid before
	read     bool
	digest   digest
	question question // of the permission that is being decided: see requestValues
	unknown  unknowns // among the condition keys of the permission that is being decided
	tags     Tags     // in the request's document, once it is read; those that UntagResource removes
	untags   bool     // the tags are those to be removed: they have keys alone
}

// Reset forgets everything about the request but keeps what makes the next one cheap.
func (r *Request) Reset() {
	*r = Request{self: r.self, onHeader: r.onHeader, onQuery: r.onQuery, valid: r.valid}
}

// Value returns the value of an x-amz- or other header by its lower-case name as this package reads it:
// from the headers or, in a presigned URL, from the query.
func (r *Request) Value(name string) (string, bool) {
	r.inspect()
	if id, known := headerIDOf(name); known {
		return r.digest.headers[id], r.digest.has(id)
	}
	if r.Header != nil {
		return r.Header.Get(name)
	}
	return "", false
}

// inspect reads headers and query, once.
func (r *Request) inspect() *digest {
	if r.read {
		return &r.digest
	}
	r.read = true
	if r.self != r {
		r.self, r.onHeader, r.onQuery = r, r.digest.observeHeader, r.digest.observeQuery
	}
	r.digest.at, r.digest.kind = r.level(), KindOf(r.Bucket)
	if r.Header != nil {
		r.Header.All(r.onHeader)
	}
	if r.Query != nil {
		r.Query.All(r.onQuery)
	}
	return &r.digest
}

// level is what the request's path names.
func (r *Request) level() level {
	switch {
	case r.Bucket == "":
		return onService
	case r.Key == "":
		return onBucket
	}
	return onObject
}

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
		// That of a role is its own, whatever its session is called.
		arn := cmp.Or(v.question.caller.Role, v.question.caller.Principal)
		return arn, arn != ""
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
	if tag, ok := strings.CutPrefix(key, callerTagPrefix); ok {
		return onlyTag(v.question.caller.Tags, tag)
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
