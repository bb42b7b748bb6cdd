package s3_test

import (
	"bytes"
	"encoding/xml"
	"mime"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/s3"
)

func TestTextOfDocumentsIsEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"":               "",
		"plain/key.txt":  "plain/key.txt",
		`a&b<c>d"e'f`:    "a&amp;b&lt;c&gt;d&#34;e&#39;f",
		"tab\tline\n\r":  "tab&#x9;line&#xA;&#xD;",
		"nul\x00one\x01": "nul&#x0;one&#x1;",
		"\x1f€\ufffe&":   "&#x1F;€&#xFFFE;&amp;",
		"\uffff":         "&#xFFFF;",
		"é漢":             "é漢",
		"\x7f":           "\x7f",
	} {
		var b bytes.Buffer
		s3.WriteText(&b, text)
		if b.String() != want {
			t.Errorf("%q is written as %q, want %q", text, b.String(), want)
		}
		if got, err := xml.Marshal(struct {
			XMLName xml.Name `xml:"E"`
			Key     s3.Name
		}{Key: s3.ShownName(text, "")}); err != nil || string(got) != "<E><Key>"+want+"</Key></E>" {
			t.Errorf("%q as an element: %s, %v", text, got, err)
		}
	}
}

func TestNamesAreEncodedOnlyOnDemand(t *testing.T) {
	for name, want := range map[string]string{"a/b c+d": "a/b+c%2Bd", "€&": "%E2%82%AC%26", "plain": "plain"} {
		if got := s3.EncodeName(name, "url"); got != want {
			t.Errorf("%q is encoded as %q, want %q", name, got, want)
		}
		if got := s3.EncodeName(name, ""); got != name {
			t.Errorf("%q is encoded as %q without encoding-type", name, got)
		}
		if got := s3.ShownName(name, "url"); string(got) != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}

func TestDatesOfDocumentsAreInUTC(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	if got := s3.FormatTime(at); got != "2026-01-02T02:04:05.678Z" {
		t.Error(got)
	}
}

// Values of metadata are words of RFC 2047 when they aren't ASCII, and come back as what was meant.
func TestValuesBeyondASCIIAreWords(t *testing.T) {
	for value, want := range map[string]string{
		"plain": "plain", "": "", "é漢": "=?UTF-8?B?w6nmvKI=?=", "\xe9": "=?ISO-8859-1?B?6Q==?=",
	} {
		got := s3.EncodedWords(value)
		if got != want || !s3.IsASCII(got) {
			t.Errorf("%q is answered %q, want %q", value, got, want)
		}
	}
	for sent, want := range map[string]string{
		"plain": "plain", "=?UTF-8?B?w6nmvKI=?=": "é漢", "=?utf-8?q?=C3=A9?= and more": "é and more",
		"=?UTF-8?B?broken":         "=?UTF-8?B?broken",
		"=?KLINGON?B?YWJj?=":       "=?KLINGON?B?YWJj?=",       // nobody knows how to read it
		"=?UTF-8?B?YQ0KYjogYw==?=": "=?UTF-8?B?YQ0KYjogYw==?=", // another header
		"=?UTF-8?B?IGE=?=":         "=?UTF-8?B?IGE=?=",         // blanks at its ends, which no header has
	} {
		if got := s3.DecodedWords(sent); got != want {
			t.Errorf("%q says %q, want %q", sent, got, want)
		}
	}
	long := strings.Repeat("漢字", 100)
	if back, err := new(mime.WordDecoder).DecodeHeader(s3.EncodedWords(long)); err != nil || back != long {
		t.Errorf("a long value reads %q, %v", back, err)
	}
}

func TestValuesOfHeadersHaveNoControls(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "a b\tc": true, "\xff é": true, "a\rb": false, "a\nb": false, "\x00": false, "\x7f": false,
		"\x1f": false,
	} {
		if got := s3.IsHeaderText([]byte(value)); got != want {
			t.Errorf("%q can be a header's: %t", value, got)
		}
	}
	if s3.IsASCII("é") || s3.IsASCII("\x80") || !s3.IsASCII("\x7f") || !s3.IsASCII("") {
		t.Error("ASCII ends elsewhere than at 0x7f")
	}
}
