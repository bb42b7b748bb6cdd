package store

import (
	"io"
	"strings"
	"unsafe"

	"sealfront/sigv4"
)

// A Request is one request to the store. Names are plain, not encoded; the client encodes, addresses and
// signs. Header holds what crosses by the caller's allow-list and nothing else: Host, Content-Length, the
// date, the payload hash and the authorization are the client's.
type Request struct {
	Operation string // S3's name of it, for metrics and errors
	Method    string
	Bucket    string // the store's name of it; "" for the service itself
	Key       string
	Query     string // encoded, without '?'
	Header    []sigv4.Field

	// Length is the number of bytes Body writes. Body is called at most once and nil for requests without one.
	// Its writer fails with ErrAnswered as soon as the store has answered; WriteTo then returns that error.
	// An error of WriteTo that did not come from its writer ends the request: the connection is closed before
	// the body is complete, so that the store stores nothing.
	Length int64
	Body   io.WriterTo
	// Bytes is a body held in memory, used instead of Body. Such a request is sent a second time when the
	// connection turns out to have been closed by the store before it answered.
	Bytes []byte

	fields [12]sigv4.Field // room for Header
}

// Set appends a header field. It shares the memory of both strings, which nothing writes to.
func (r *Request) Set(name, value string) { r.SetBytes(name, view(value)) }

// SetBytes is Set for a value that must not change before the request has been sent.
func (r *Request) SetBytes(name string, value []byte) {
	if r.Header == nil {
		r.Header = r.fields[:0]
	}
	r.Header = append(r.Header, sigv4.Field{Name: view(name), Value: value})
}

// view is the bytes of s. They must not be written to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Replace gives the field that Set appended under this name another value.
func (r *Request) Replace(name string, value []byte) {
	for i := range r.Header {
		if string(r.Header[i].Name) == name {
			r.Header[i].Value = value
			return
		}
	}
	panic("store: internal error: no field " + name)
}

// replayable reports whether sending the request twice does what sending it once does. A conditional write
// does not: its first copy may be what fails the second one's condition.
func (r *Request) replayable() bool {
	if r.Body != nil || r.Method == "POST" {
		return false
	}
	if r.Method == "GET" || r.Method == "HEAD" {
		return true
	}
	for _, f := range r.Header {
		if len(f.Name) > len("if-") && strings.EqualFold(string(f.Name[:len("if-")]), "if-") {
			return false
		}
	}
	return true
}
