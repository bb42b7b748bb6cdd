package store

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
