package gateway

import (
	"mime"
	"strings"
	"testing"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// Metadata beyond ASCII comes back as words of RFC 2047 that say it, and a client may send it so.
func TestMetadataBeyondASCIIIsWordsOfRFC2047(t *testing.T) {
	for sent, want := range map[string]string{
		"plain":                       "plain",
		"é漢":                          "=?UTF-8?B?w6nmvKI=?=",
		"=?UTF-8?B?w6nmvKI=?=":        "=?UTF-8?B?w6nmvKI=?=",
		"=?utf-8?q?=C3=A9?= and more": "=?UTF-8?B?w6kgYW5kIG1vcmU=?=",
		"=?ISO-8859-1?Q?=E9?=":        "=?UTF-8?B?w6k=?=",
		"=?UTF-8?B?YWJj?=":            "abc",
		"\xe9":                        "=?ISO-8859-1?B?6Q==?=",
		"=?UTF-8?B?broken":            "=?UTF-8?B?broken",
		"=?KLINGON?B?YWJj?=":          "=?KLINGON?B?YWJj?=",       // nobody knows how to read it
		"=?UTF-8?B?YQ0KYjogYw==?=":    "=?UTF-8?B?YQ0KYjogYw==?=", // another header: it stays closed
		"=?UTF-8?B?IGE=?=":            "=?UTF-8?B?IGE=?=",         // blanks at its ends, which no header has
		objects.BytesMark + "x":       objects.BytesMark + "x",
	} {
		if got := s3.EncodedWords(objects.ShownValue(objects.StoredValue(s3.DecodedWords(sent)))); got != want {
			t.Errorf("%q is answered %q, want %q", sent, got, want)
		}
	}
	long := strings.Repeat("漢字", 100)
	got := s3.EncodedWords(long)
	back, err := new(mime.WordDecoder).DecodeHeader(got)
	if err != nil || back != long || !s3.IsASCII(got) {
		t.Errorf("a long value is answered %q, which reads %q, %v", got, back, err)
	}
}
