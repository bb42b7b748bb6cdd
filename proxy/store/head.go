package store

import (
	"bytes"
	"strconv"
	"time"

	"sealfront/sigv4"
)

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
