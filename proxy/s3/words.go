package s3

import (
	"mime"
	"strings"
	"unicode/utf8"
)

// General purpose buckets answer metadata that isn't ASCII as words of RFC 2047, and take such words for what they say.
// Directory buckets do neither. Source: S3 User Guide, "Working with object metadata".

// EncodedWords is a value as an answer has it.
func EncodedWords(value string) string {
	if IsASCII(value) {
		return value
	}
	charset := "UTF-8"
	if !utf8.ValidString(value) {
		charset = "ISO-8859-1" // in which any bytes are text
	}
	return strings.ReplaceAll(mime.BEncoding.Encode(charset, value), "=?"+charset+"?b?", "=?"+charset+"?B?")
}

// DecodedWords is what a client's value says. What can't be read, or would be another header than the client's, stays
// as it is.
func DecodedWords(value string) string {
	if !strings.Contains(value, "=?") {
		return value
	}
	text, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil || !IsHeaderText([]byte(text)) || strings.TrimSpace(text) != text {
		return value
	}
	return text
}

// IsASCII reports whether s has ASCII characters only.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// IsHeaderText tells whether a field's value can be a header's.
func IsHeaderText(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
