package store

import (
	"io"
	"strconv"
	"time"

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
	// the body is complete, so that the store keeps nothing.
	Length int64
	Body   io.WriterTo
	// Bytes is a body held in memory, used instead of Body. Such a request is sent a second time when the
	// connection turns out to have been closed by the store before it answered.
	Bytes []byte
}

// Set appends a header field. The value is copied into the field.
func (r *Request) Set(name, value string) {
	r.Header = append(r.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
}

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
		if len(f.Name) > 3 && (f.Name[0]|0x20) == 'i' && (f.Name[1]|0x20) == 'f' && f.Name[2] == '-' {
			return false
		}
	}
	return true
}

// appendHead appends the request head, up to and with its empty line, signed at time t. The Authorization header is its
// last. tokenName is the header of cred's token.
func (c *Client) appendHead(dst []byte, r *Request, cred *sigv4.Credentials, tokenName []byte, t time.Time) []byte {
	m := c.messages.Get().(*sigv4.Message)
	defer c.messages.Put(m)

	host := c.host
	path := make([]byte, 0, len(c.basePath)+len(r.Bucket)+len(r.Key)+16)
	path = append(path, c.basePath...)
	path = append(path, '/')
	if r.Bucket != "" {
		if c.virtualHost {
			host = r.Bucket + "." + host
		} else {
			path = appendEscaped(path, r.Bucket)
			if r.Key != "" {
				path = append(path, '/')
			}
		}
		path = appendEscaped(path, r.Key)
	}
	length := c.bodyLength(r)

	m.Method = append(m.Method[:0], r.Method...)
	m.Path = path
	m.Query = append(m.Query[:0], r.Query...)
	m.Header = append(m.Header[:0],
		sigv4.Field{Name: nameHost, Value: []byte(host)},
		sigv4.Field{Name: nameDate, Value: t.AppendFormat(nil, "20060102T150405Z")},
		sigv4.Field{Name: nameHash, Value: c.payloadHash(r)})
	if cred.SessionToken != "" {
		m.Header = append(m.Header, sigv4.Field{Name: tokenName, Value: []byte(cred.SessionToken)})
	}
	if c.signsChunks(r) {
		m.Header = append(m.Header, sigv4.Field{Name: nameDecoded, Value: strconv.AppendInt(nil, r.Length, 10)})
	}
	if length > 0 || r.Method == "PUT" || r.Method == "POST" {
		m.Header = append(m.Header, sigv4.Field{Name: nameLength, Value: strconv.AppendInt(nil, length, 10)})
	}
	m.Header = append(m.Header, r.Header...)

	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, path...)
	if r.Query != "" {
		dst = append(dst, '?')
		dst = append(dst, r.Query...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	for _, f := range m.Header {
		dst = appendField(dst, f.Name, f.Value)
	}
	dst = append(dst, "Authorization: "...)
	dst = c.signer.AppendAuthorization(dst, m, cred, t)
	return append(dst, "\r\n\r\n"...)
}

// appendField appends one header line. A value never carries a line break: what a client sent can't hold
// one, and what we make doesn't; should one appear all the same it becomes a space.
func appendField(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	for _, b := range value {
		if b == '\r' || b == '\n' || b == 0 {
			b = ' '
		}
		dst = append(dst, b)
	}
	return append(dst, "\r\n"...)
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes a path as S3 signs it: everything but letters, digits, "-._~" and "/".
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~' || b == '/' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

// AppendQuery appends name=value to an encoded query, with S3's encoding.
func AppendQuery(query, name, value string) string {
	b := make([]byte, 0, len(query)+len(name)+len(value)+16)
	b = append(b, query...)
	if len(b) > 0 {
		b = append(b, '&')
	}
	b = appendComponent(b, name)
	b = append(b, '=')
	return string(appendComponent(b, value))
}

func appendComponent(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

var (
	nameHost    = []byte("Host")
	nameDate    = []byte("X-Amz-Date")
	nameHash    = []byte("X-Amz-Content-Sha256")
	nameToken   = []byte("X-Amz-Security-Token")
	nameSession = []byte("X-Amz-S3session-Token")
	nameLength  = []byte("Content-Length")
	nameDecoded = []byte("X-Amz-Decoded-Content-Length")
)
