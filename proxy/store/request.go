package store

import (
	"bytes"
	"io"
	"strconv"
	"time"
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
		if len(f.Name) > 3 && (f.Name[0]|0x20) == 'i' && (f.Name[1]|0x20) == 'f' && f.Name[2] == '-' {
			return false
		}
	}
	return true
}

// scratch is the memory in which a request's head is put together.
type scratch struct {
	message sigv4.Message
	path    []byte
	host    []byte
	date    []byte
	length  []byte
	decoded []byte
	head    []byte
}

// appendHead appends the request head, up to and with its empty line, signed at time t. The Authorization header is its
// last. tokenName is the header of cred's token.
func (c *Client) appendHead(z *scratch, dst []byte, r *Request, cred *sigv4.Credentials, tokenName []byte,
	t time.Time,
) []byte {
	z.host = z.host[:0]
	path := append(append(z.path[:0], c.basePath...), '/')
	if r.Bucket != "" {
		if c.virtualHost {
			z.host = append(append(z.host, r.Bucket...), '.')
		} else {
			path = appendEscaped(path, r.Bucket)
			if r.Key != "" {
				path = append(path, '/')
			}
		}
		path = appendEscaped(path, r.Key)
	}
	z.path, z.host, z.date = path, append(z.host, c.host...), c.signer.AppendTimestamp(z.date[:0], t)
	length := c.bodyLength(r)

	m := &z.message
	m.Method, m.Path, m.Query = view(r.Method), path, view(r.Query)
	m.Header = append(m.Header[:0],
		sigv4.Field{Name: nameHost, Value: z.host},
		sigv4.Field{Name: nameDate, Value: z.date},
		sigv4.Field{Name: nameHash, Value: c.payloadHash(r)})
	if cred.SessionToken != "" {
		m.Header = append(m.Header, sigv4.Field{Name: tokenName, Value: view(cred.SessionToken)})
	}
	if c.signsChunks(r) {
		z.decoded = strconv.AppendInt(z.decoded[:0], r.Length, 10)
		m.Header = append(m.Header, sigv4.Field{Name: nameDecoded, Value: z.decoded})
	}
	if length > 0 || r.Method == "PUT" || r.Method == "POST" {
		z.length = strconv.AppendInt(z.length[:0], length, 10)
		m.Header = append(m.Header, sigv4.Field{Name: nameLength, Value: z.length})
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
	for i := range m.Header {
		dst = appendField(dst, m.Header[i].Name, m.Header[i].Value)
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
	start := len(dst)
	dst = append(dst, value...)
	for _, bad := range [...]byte{'\r', '\n', 0} {
		for rest := dst[start:]; ; {
			i := bytes.IndexByte(rest, bad)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return append(dst, "\r\n"...)
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes a path as S3 signs it: everything but letters, digits, "-._~" and "/".
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' ||
			b == '~' || b == '/' {
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
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' ||
			b == '~' {
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
