package policy

import (
	"maps"
	"slices"
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
