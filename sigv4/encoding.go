package sigv4

import "bytes"

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
