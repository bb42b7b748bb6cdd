package s3

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// WriteText writes text into a document. What XML has no place for is a reference to the character, as S3 writes it:
// parsers refuse it then, and nobody takes it for another name.
func WriteText(b *bytes.Buffer, value string) {
	if needsNoEscape(value) {
		b.WriteString(value)
		return
	}
	rest := value
	for i, r := range value {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			_ = xml.EscapeText(b, []byte(rest[:i-(len(value)-len(rest))])) // a Buffer's Write doesn't fail
			fmt.Fprintf(b, "&#x%X;", r)
			rest = value[i+utf8.RuneLen(r):]
		}
	}
	_ = xml.EscapeText(b, []byte(rest))
}

// Name is a name in a document that encoding/xml writes.
type Name string

// ShownName is a name in a listing's document, in the encoding that its client wants; "" for none.
func ShownName(name, encoding string) Name { return Name(EncodeName(name, encoding)) }

// MarshalXML writes the name as writeText does.
func (n Name) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	var b bytes.Buffer
	WriteText(&b, string(n))
	return e.EncodeElement(struct {
		Text []byte `xml:",innerxml"`
	}{b.Bytes()}, start)
}

// needsNoEscape tells whether XML takes text as it is.
func needsNoEscape(text string) bool {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= 0x7f || b == '&' || b == '<' || b == '>' || b == '"' || b == '\'' {
			return false
		}
	}
	return true
}

// EncodeName encodes a name as S3's encoding-type=url does.
func EncodeName(name, encoding string) string {
	if encoding != "url" {
		return name
	}
	return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
}

// FormatTime is a date as S3's XML has it.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
