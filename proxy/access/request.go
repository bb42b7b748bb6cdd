package access

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A Peer is the other end of the connection that a request came over.
type Peer interface {
	RemoteAddr() net.Addr
	IsTLS() bool
	TLSConnectionState() *tls.ConnectionState // nil without TLS
}

// A Request is one request as it was received. There is one for all that it reads, writes and deletes: every condition
// of a policy that is about the caller gets its value from here. It is read once and not changed afterwards, but for a
// form, whose fields take the header's place. Its slices are lent until the request ends.
type Request struct {
	Peer    Peer
	Start   time.Time
	Message sigv4.Message
	Auth    sigv4.Authentication
	Rules   policy.Request // as rules read it: headers and parameters by number
	Header  s3.Header      // the lines that count, with those that a presigned URL or a form carries
	Query   s3.Query
	Bucket  string
	Control policy.Control // of a call of S3 Control; Bucket is then the one that it is about

	// Ambiguous: what stands in front of this server may have read another head than it did. See s3.AppendLines.
	Ambiguous bool
}

// Read makes r the request with this head. The slices stay the caller's and must live as long as r is used.
func (r *Request) Read(peer Peer, method, uri, lines []byte, start time.Time) {
	r.Rules.Reset()
	r.Peer, r.Start, r.Bucket, r.Control = peer, start, "", policy.Control{}
	m := &r.Message
	m.Method = method
	m.Path, m.Query, _ = bytes.Cut(uri, []byte{'?'})
	m.Header, r.Ambiguous = s3.AppendLines(m.Header[:0], lines)
	r.Header.Fields = m.Header
	r.Query.Parse(m.Query)
}

// Forget drops what was lent. The memory of r's own stays for the next request.
func (r *Request) Forget() {
	clear(r.Message.Header)
	clear(r.Header.Fields)
	r.Header.Fields, r.Peer = nil, nil
}

// Value returns the value of a header by its lower-case name, or of the query parameter that a presigned URL carries it
// in; "" if there is none.
func (r *Request) Value(name string) string {
	v, _ := r.Rules.Value(name)
	return v
}

// Bytes returns the first value of the header with the lower-case name, nil if there is none.
func (r *Request) Bytes(name string) []byte {
	value, _ := r.Field(name)
	return value
}

// Field is Bytes that tells an empty header from none.
func (r *Request) Field(name string) (value []byte, ok bool) {
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		if len(f.Name) == len(name) && strings.EqualFold(s3.View(f.Name), name) {
			return bytes.TrimSpace(f.Value), true
		}
	}
	return nil, false
}

// received returns the first value of a received header line by its lower-case name. A form's fields aren't among them.
func (r *Request) received(name string) (string, bool) {
	for i := range r.Message.Header {
		f := &r.Message.Header[i]
		if len(f.Name) == len(name) && strings.EqualFold(s3.View(f.Name), name) {
			return string(bytes.TrimSpace(f.Value)), true
		}
	}
	return "", false
}

// remote is the address at the other end of the connection, without a zone: a prefix with one contains nothing.
func (r *Request) remote() netip.Addr {
	if tcp, ok := r.Peer.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().WithZone("").Unmap()
	}
	return netip.IPv4Unspecified()
}

// lastForwarded is the last address in X-Forwarded-For, which may come in several lines; what is in front of it may be
// the client's invention.
func (r *Request) lastForwarded() string {
	list := ""
	for i := range r.Message.Header {
		if f := &r.Message.Header[i]; strings.EqualFold(s3.View(f.Name), "x-forwarded-for") {
			list = s3.View(f.Value)
		}
	}
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}
