package s3

import (
	"bytes"
	"strings"
	"unsafe"

	"sealfront/sigv4"
)

// AppendLines appends the lines of a head that fasthttp has read and found well-formed, in their order, as slices of
// raw: it would scan them once more, and slower. ambiguous: what stands in front of this server may have read other
// lines, or another end of the body, than fasthttp did. RFC 9112 lets a server refuse such a head, and appendLines
// stops there. It is
//   - a line that goes on in the next one (section 5.2), or that a bare line feed ends (section 2.2);
//   - a Transfer-Encoding other than chunked alone (section 6.1): fasthttp ignores identity, which HTTP/1.1 no longer
//     has;
//   - an empty Content-Length (section 8.6 of RFC 9110).
func AppendLines(fields []sigv4.Field, raw []byte) (_ []sigv4.Field, ambiguous bool) {
	for {
		end := bytes.IndexByte(raw, '\n')
		if end < 0 {
			return fields, false
		}
		line := raw[:end]
		raw = raw[end+1:]
		n := len(line) - 1
		if n < 0 || line[n] != '\r' {
			return fields, true
		}
		line = line[:n]
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return fields, false // the empty line behind the last
		}
		if len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t') {
			return fields, true
		}
		value := line[colon+1:]
		for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
			value = value[1:]
		}
		for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
			value = value[:n-1]
		}
		if misframes(line[:colon], value) {
			return fields, true
		}
		fields = append(fields, sigv4.Field{Name: line[:colon], Value: value})
	}
}

// misframes reports whether a header says of the body's end what only some readers understand.
func misframes(name, value []byte) bool {
	switch len(name) {
	case len("content-length"):
		return len(value) == 0 && strings.EqualFold(View(name), "content-length")
	case len("transfer-encoding"):
		return strings.EqualFold(View(name), "transfer-encoding") && !strings.EqualFold(View(value), "chunked")
	}
	return false
}

// Header are the header lines that count as the request's: those received and the x-amz-* settings that a
// presigned URL carries in its query, or, for a form POST, the form's fields. Only what is signed is looked up in the
// message itself.
type Header struct{ Fields []sigv4.Field }

// Get returns the first value of the lower-case name.
func (h *Header) Get(name string) (string, bool) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if len(f.Name) == len(name) && strings.EqualFold(View(f.Name), name) {
			return View(bytes.TrimSpace(f.Value)), true
		}
	}
	return "", false
}

// All yields every line.
func (h *Header) All(yield func(name, value string) bool) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if !yield(View(f.Name), View(bytes.TrimSpace(f.Value))) {
			return
		}
	}
}

// NameBuffer is the caller's memory for lowerName.
type NameBuffer [64]byte

// LowerName returns a header's name in lower case. It lives in buf until the next call; only long names are memory of
// their own.
func LowerName(name []byte, buf *NameBuffer) string {
	if len(name) > len(buf) {
		return strings.ToLower(View(name))
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		buf[i] = b
	}
	return View(buf[:len(name)])
}

// Query are the decoded query parameters, in order.
type Query struct{ Parameters []Parameter }

// A Parameter is one of a query, decoded.
type Parameter struct{ Name, Value string }

// maxParameters bounds what is looked at; S3 knows fewer than a hundred.
const maxParameters = 256

// Parse reads a raw query. What can't be decoded is kept as it is: the signature check refuses bad escapes.
func (q *Query) Parse(raw []byte) {
	clear(q.Parameters)
	q.Parameters = q.Parameters[:0]
	for len(raw) > 0 && len(q.Parameters) < maxParameters {
		var segment []byte
		segment, raw, _ = bytes.Cut(raw, []byte{'&'})
		if len(segment) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(segment, []byte{'='})
		q.Parameters = append(q.Parameters, Parameter{decodeComponent(name), decodeComponent(value)})
	}
}

func decodeComponent(b []byte) string {
	if bytes.IndexByte(b, '%') < 0 && bytes.IndexByte(b, '+') < 0 {
		return View(b)
	}
	if s, ok := Unescape(bytes.ReplaceAll(b, []byte{'+'}, []byte{' '})); ok {
		return s
	}
	return View(b)
}

// Get returns the first value of name.
func (q *Query) Get(name string) (string, bool) {
	for i := range q.Parameters {
		if q.Parameters[i].Name == name {
			return q.Parameters[i].Value, true
		}
	}
	return "", false
}

// All yields every parameter.
func (q *Query) All(yield func(name, value string) bool) {
	for i := range q.Parameters {
		if !yield(q.Parameters[i].Name, q.Parameters[i].Value) {
			return
		}
	}
}

// View views bytes as a string. The bytes must not change while the string is in use.
func View(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// ViewBytes is the bytes of s. They must not be written to.
func ViewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Unescape decodes percent escapes; a plus sign is a plus sign. The result never shares b's memory.
func Unescape(b []byte) (string, bool) {
	if bytes.IndexByte(b, '%') < 0 {
		return string(b), true
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '%' {
			out = append(out, b[i])
			continue
		}
		if i+2 >= len(b) {
			return "", false
		}
		hi, lo := hexValue(b[i+1]), hexValue(b[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out), true
}

func hexValue(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// An ETag that clients see is the store's in a form that no tool takes for an MD5: it contains a dash and is
// neither 32 hexadecimal digits nor hex-digits, the form of a multipart object's. The mapping is reversible, so
// that conditions and part lists can be put to the store.
const EtagPrefix = "sf-"

// ClientETag returns the client's form, quoted, of the store's ETag.
func ClientETag(stored []byte) string { return string(AppendClientETag(nil, stored)) }

// AppendClientETag appends what ClientETag returns.
func AppendClientETag(dst, stored []byte) []byte {
	dst = append(append(dst, '"'), EtagPrefix...)
	return append(append(dst, Unquote(View(stored))...), '"')
}

// StoreETag returns the store's form, quoted, of an ETag that a client sent, quoted or bare. What isn't one of ours
// becomes a value that no object has.
func StoreETag(sent string) string {
	value := Unquote(strings.TrimPrefix(strings.TrimSpace(sent), "W/"))
	if stored, ok := strings.CutPrefix(value, EtagPrefix); ok && stored != "" {
		return `"` + stored + `"`
	}
	return `"not-of-this-store"`
}

// StoreCondition maps the ETags of an If-Match or If-None-Match list.
func StoreCondition(list string) string {
	if strings.TrimSpace(list) == "*" {
		return "*"
	}
	var mapped []string
	for _, one := range strings.Split(list, ",") {
		mapped = append(mapped, StoreETag(one))
	}
	return strings.Join(mapped, ", ")
}

// ConditionNames tells whether a list of ETags, the store's, or * names one.
func ConditionNames(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" ||
			Unquote(strings.TrimPrefix(one, "W/")) == Unquote(strings.TrimPrefix(etag, "W/")) {
			return true
		}
	}
	return false
}

// Unquote returns an ETag without its quotes, if it has any.
func Unquote(etag string) string {
	etag = strings.TrimSpace(etag)
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}
