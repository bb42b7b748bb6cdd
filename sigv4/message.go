package sigv4

import (
	"bytes"
)

// Field is one header line as it was received or is to be sent: the name in any case, the value without its line end.
type Field struct{ Name, Value []byte }

// Message is the view of a request that signing needs. Nothing in it is copied or kept by this package beyond
// the call, except where Authentication says that its slices point into the Message it was read from.
//
// Take the parts from the wire, not from a framework's idea of them: frameworks decode and clean paths, and move
// Host and Content-Length out of their header maps. Source: HDR, "Task 1".
type Message struct {
	Method []byte  // as sent: GET
	Path   []byte  // raw, still percent-encoded, begins with '/', no query; empty counts as "/"
	Query  []byte  // raw, without the '?'
	Header []Field // every header line in order of appearance, Host and Content-Length included
}

// header returns the trimmed value of the first field called name (lower case) and how many there are.
func (m *Message) header(name string) (value []byte, n int) {
	value, n = first(m.Header, name)
	return trim(value), n
}

// first returns the value of the first field called name (lower case), as it is, and how many there are.
func first(fields []Field, name string) (value []byte, n int) {
	for i := range fields {
		if equalName(fields[i].Name, name) {
			if n++; n == 1 {
				value = fields[i].Value
			}
		}
	}
	return value, n
}

// wellFormed reports whether the message can be written as HTTP/1.1 in one way only. A line end inside a value, which
// a folded header line has, would let one canonical request stand for two messages.
func (m *Message) wellFormed() bool {
	for i := range m.Header {
		if !isHeaderList(m.Header[i].Name) {
			return false
		}
	}
	return isHeaderList(m.Method) && m.wholeLines()
}

// wholeLines reports whether every header value is one line.
func (m *Message) wholeLines() bool {
	for i := range m.Header {
		value := m.Header[i].Value
		if hasControl(value) && (bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '\r') >= 0 ||
			bytes.IndexByte(value, 0) >= 0) {
			return false
		}
	}
	return true
}

// equalName reports whether name, in any case, is the lower-case want.
func equalName(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range name {
		if lower(name[i]) != want[i] {
			return false
		}
	}
	return true
}

// hasNamePrefix reports whether name, in any case, begins with the lower-case prefix.
func hasNamePrefix(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && equalName(name[:len(prefix)], prefix)
}

// isHeaderList reports whether s can be a header's name, or several of them with semicolons between. Other bytes could
// be taken for the structure of a canonical request.
func isHeaderList(s []byte) bool {
	for _, b := range s {
		if !printable[b] {
			return false
		}
	}
	return len(s) > 0
}

// printable marks the visible bytes of ASCII except the colon.
var printable = func() (t [256]bool) {
	for b := '!'; b <= '~'; b++ {
		t[b] = b != ':'
	}
	return t
}()

func lower(b byte) byte { return lowered[b] }

// lowered holds each byte in lower case.
var lowered = func() (t [256]byte) {
	for b := range t {
		t[b] = byte(b)
		if t[b]-'A' < 26 {
			t[b] |= 0x20
		}
	}
	return t
}()

// trim cuts the optional white space of RFC 9110 from both ends.
func trim(v []byte) []byte {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

const upperHex = "0123456789ABCDEF"

// unreserved marks the bytes that are never percent-encoded: A-Z a-z 0-9 - . _ ~ (HDR, "UriEncode").
var unreserved = func() (t [256]bool) {
	for b := range t {
		c := byte(b)
		t[b] = c-'0' < 10 || c-'A' < 26 || c-'a' < 26 || c == '-' || c == '.' || c == '_' || c == '~'
	}
	return t
}()

// plainInPath marks the bytes that stand for themselves in a canonical path.
var plainInPath = func() [256]bool {
	t := unreserved
	t['/'] = true
	return t
}()

// unhex holds the value of each hexadecimal digit, and 16 for every other byte.
var unhex = func() (t [256]byte) {
	for b := range t {
		switch c := byte(b); {
		case c-'0' < 10:
			t[b] = c - '0'
		case c-'a' < 6:
			t[b] = c - 'a' + 10
		case c-'A' < 6:
			t[b] = c - 'A' + 10
		default:
			t[b] = 16
		}
	}
	return t
}()

// appendEncoded appends raw percent-decoded and percent-encoded again: a path, in which '/' and '+' stand for
// themselves, or a query name or value, in which '/' is encoded and '+' means a space. An invalid escape, which
// Verifier.Read refuses beforehand, counts as a plain percent sign.
func appendEncoded(dst, raw []byte, path bool) []byte {
	plain := &unreserved
	if path {
		plain = &plainInPath
	}
	for {
		n := 0
		for n < len(raw) && plain[raw[n]] {
			n++
		}
		dst = append(dst, raw[:n]...)
		if n == len(raw) {
			return dst
		}
		c := raw[n]
		switch raw = raw[n:]; {
		case c == '%' && isEscape(raw):
			c = unhex[raw[1]]<<4 | unhex[raw[2]]
			raw = raw[3:]
		case c == '+' && !path:
			c, raw = ' ', raw[1:]
		default:
			raw = raw[1:]
		}
		if plain[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
}

// appendDecoded appends a query name or value as the client meant it.
func appendDecoded(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%' && isEscape(raw[i:]):
			c = unhex[raw[i+1]]<<4 | unhex[raw[i+2]]
			i += 2
		case c == '+':
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// isEscape reports whether s, which begins with '%', begins with a whole escape.
func isEscape(s []byte) bool {
	return len(s) >= 3 && unhex[s[1]]|unhex[s[2]] < 16
}

// validEscapes reports whether every '%' in s begins an escape.
func validEscapes(s []byte) bool {
	for {
		i := bytes.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		if !isEscape(s[i:]) {
			return false
		}
		s = s[i+3:]
	}
}

// isHex reports whether s consists of hexadecimal digits of either case.
func isHex(s []byte) bool {
	for _, b := range s {
		if unhex[b] == 16 {
			return false
		}
	}
	return true
}

const lowerHex = "0123456789abcdef"
