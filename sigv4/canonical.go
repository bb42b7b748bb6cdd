package sigv4

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// canonicalizer is the memory in which canonical requests are put together. It grows to the largest message seen and
// is used again; nothing in it is secret.
type canonicalizer struct {
	text     []byte           // the canonical request, complete
	names    []byte           // lower-cased header names
	encoded  []byte           // encoded query names and values
	params   []param          // into encoded
	fields   []canonicalField // the message's fields, sorted by name and then by appearance
	signed   [][]byte         // names to sign: lower case, sorted, each once
	spaceRun bool             // text holds a value in which a run of spaces became one
	recoded  bool             // text holds another path than the message's
}

type param struct{ name, value []byte }

type canonicalField struct {
	name, value []byte
	position    int
}

// reading says how a canonical request is put together. The zero value is S3's way; the others are what some
// signers do, tried once each when a signature doesn't match (AWS's pages leave both points open).
type reading struct {
	rawPath    bool // the path as received, not decoded and encoded
	keepSpaces bool // runs of spaces inside a value stay
}

// appendCanonicalRequest puts the canonical request into c.text and returns it. fields and signed must have been set
// by sortFields and setSigned or signAll. Source: HDR, "Task 1: Create a Canonical Request".
func (c *canonicalizer) appendCanonicalRequest(m *Message, payloadHash []byte, r reading) []byte {
	t := append(c.text[:0], m.Method...)
	t = append(t, '\n')
	t = c.appendPath(t, m, r)
	t = append(t, '\n')
	t = c.appendCanonicalQuery(t, m.Query)
	t = append(t, '\n')
	t = c.appendCanonicalHeaders(t, r.keepSpaces)
	t = append(t, '\n')
	t = c.appendSignedHeaders(t)
	t = append(t, '\n')
	t = append(t, payloadHash...)
	c.text = t
	return t
}

// appendPath appends the path by one reading, and notes whether it is another than the message's.
func (c *canonicalizer) appendPath(dst []byte, m *Message, r reading) []byte {
	if r.rawPath {
		return append(dst, m.Path...)
	}
	start := len(dst)
	dst = appendCanonicalURI(dst, m.Path)
	c.recoded = !bytes.Equal(dst[start:], m.Path)
	return dst
}

// appendCanonicalURI appends the path, decoded and encoded once, with '/' left alone and nothing normalised.
func appendCanonicalURI(dst, path []byte) []byte {
	if len(path) == 0 {
		return append(dst, '/')
	}
	return appendEncoded(dst, path, true)
}

// appendCanonicalQuery appends the parameters decoded, encoded and sorted by encoded name, then encoded value.
// Empty segments are dropped, X-Amz-Signature doesn't take part.
func (c *canonicalizer) appendCanonicalQuery(dst, query []byte) []byte {
	if len(query) == 0 {
		return dst
	}
	if bytes.IndexByte(query, '&') < 0 { // nothing to sort
		name, value := cut(query, '=')
		start := len(dst)
		dst = appendEncoded(dst, name, false)
		if string(dst[start:]) == "X-Amz-Signature" {
			return dst[:start]
		}
		return appendEncoded(append(dst, '='), value, false)
	}
	c.params = c.params[:0]
	c.encoded = slices.Grow(c.encoded[:0], 3*len(query)) // so that params stay in one piece of memory
	e := c.encoded
	for len(query) > 0 {
		var segment []byte
		segment, query = cut(query, '&')
		if len(segment) == 0 {
			continue
		}
		name, value := cut(segment, '=')
		start := len(e)
		e = appendEncoded(e, name, false)
		middle := len(e)
		e = appendEncoded(e, value, false)
		if string(e[start:middle]) == "X-Amz-Signature" {
			e = e[:start]
			continue
		}
		c.params = append(c.params, param{e[start:middle:middle], e[middle:len(e):len(e)]})
	}
	c.encoded = e
	slices.SortFunc(c.params, func(a, b param) int {
		if order := bytes.Compare(a.name, b.name); order != 0 {
			return order
		}
		return bytes.Compare(a.value, b.value)
	})
	for i := range c.params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, c.params[i].name...)
		dst = append(dst, '=')
		dst = append(dst, c.params[i].value...)
	}
	return dst
}

// cut splits s around the first sep; without one, all of s comes before it.
func cut(s []byte, sep byte) (before, after []byte) {
	if i := bytes.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, nil
}

// sortFields indexes m's fields by lower-case name; fields of one name stay in order of appearance.
func (c *canonicalizer) sortFields(m *Message) {
	size := 0
	for i := range m.Header {
		size += len(m.Header[i].Name)
	}
	c.names = slices.Grow(c.names[:0], size) // so that names stay in one piece of memory
	c.fields = c.fields[:0]
	for i := range m.Header {
		c.fields = append(c.fields, canonicalField{c.lowerCase(m.Header[i].Name), trim(m.Header[i].Value), i})
	}
	sortByName(c.fields)
}

// fewFields is up to how many fields are sorted by insertion, which spares a usual head calls and copies.
const fewFields = 24

func sortByName(fields []canonicalField) {
	if len(fields) > fewFields {
		slices.SortFunc(fields, func(a, b canonicalField) int {
			return cmp.Or(bytes.Compare(a.name, b.name), a.position-b.position)
		})
		return
	}
	for i := 1; i < len(fields); i++ {
		for j := i; j > 0 && bytes.Compare(fields[j].name, fields[j-1].name) < 0; j-- {
			fields[j], fields[j-1] = fields[j-1], fields[j]
		}
	}
}

// lowerCase returns name in lower case, as itself when it already is.
func (c *canonicalizer) lowerCase(name []byte) []byte {
	for i := range name {
		if lowered[name[i]] == name[i] {
			continue
		}
		start := len(c.names)
		c.names = append(c.names, name...)
		copied := c.names[start:len(c.names):len(c.names)]
		for ; i < len(copied); i++ {
			copied[i] = lowered[copied[i]]
		}
		return copied
	}
	return name
}

// setSigned takes the names of a SignedHeaders list: in any case and order, repeated names count once. It follows
// sortFields.
func (c *canonicalizer) setSigned(list []byte) {
	c.names = slices.Grow(c.names, len(list)) // names already in use keep the old memory alive if it moves
	c.signed = c.signed[:0]
	for len(list) > 0 {
		var name []byte
		name, list = cut(list, ';')
		if len(name) > 0 {
			c.signed = append(c.signed, c.lowerCase(name))
		}
	}
	slices.SortFunc(c.signed, bytes.Compare)
	c.signed = slices.CompactFunc(c.signed, bytes.Equal)
}

// signAll takes every name of the fields that a hop may not change on the way.
func (c *canonicalizer) signAll() {
	c.signed = c.signed[:0]
	for i := range c.fields {
		if i > 0 && bytes.Equal(c.fields[i].name, c.fields[i-1].name) {
			continue
		}
		switch string(c.fields[i].name) {
		case "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
			"trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id":
		default:
			c.signed = append(c.signed, c.fields[i].name)
		}
	}
}

// appendCanonicalHeaders merges signed with fields, both sorted: one pass over each, whatever their lengths.
func (c *canonicalizer) appendCanonicalHeaders(dst []byte, keepSpaces bool) []byte {
	c.spaceRun = false
	f := 0
	for _, name := range c.signed {
		for f < len(c.fields) && bytes.Compare(c.fields[f].name, name) < 0 {
			f++
		}
		dst = append(dst, name...)
		dst = append(dst, ':')
		for first := true; f < len(c.fields) && bytes.Equal(c.fields[f].name, name); f++ {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = c.appendValue(dst, c.fields[f].value, keepSpaces)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendValue appends a trimmed header value with runs of spaces made one.
func (c *canonicalizer) appendValue(dst, value []byte, keepSpaces bool) []byte {
	if keepSpaces || !bytes.Contains(value, doubleSpace) {
		return append(dst, value...)
	}
	c.spaceRun = true
	for i, b := range value {
		if b != ' ' || value[i-1] != ' ' { // trimmed, so value[0] is no space
			dst = append(dst, b)
		}
	}
	return dst
}

var doubleSpace = []byte("  ")

func (c *canonicalizer) appendSignedHeaders(dst []byte) []byte {
	for i, name := range c.signed {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	return dst
}

// signs reports whether name (lower case) is among the signed names.
func (c *canonicalizer) signs(name []byte) bool {
	_, found := slices.BinarySearchFunc(c.signed, name, bytes.Compare)
	return found
}

// algorithm names the only mechanism this package knows.
const algorithm = "AWS4-HMAC-SHA256"

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// appendStringToSign appends the string to sign of a request. scope is date/region/service/aws4_request.
// Source: HDR, "Task 2: Create a String to Sign".
func appendStringToSign(dst []byte, timestamp, scope, canonicalRequest []byte) []byte {
	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = append(dst, timestamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	dst = append(dst, '\n')
	h := sha256.Sum256(canonicalRequest)
	return appendHex(dst, &h)
}
