// Package xmldoc reads XML documents of clients and of stores, whoever wrote them and whatever is in them, within
// bounds.
//
//	bytes ─► a token at a time, its bytes counted ─► depth, names, attributes, elements ─► encoding/xml ─► a struct
//
// encoding/xml by itself keeps an entry for each element that is open and makes a name, an attribute or a text as long
// as a document has it: 4 MiB of nested elements cost it 120 MB. Here every bound is checked while the bytes come, so
// that what a document costs is what one token of TokenSize costs, and what its reader keeps of it.
//
// S3's documents have neither processing instructions but the XML declaration nor document types, and no entities but
// XML's own five: a document with others is refused.
//
// # Promises
//
//   - No document makes the reader keep more than a few times TextSize, or of anything but texts TagSize:
//     TestNestedAndLongDocumentsCostNothing.
//   - What is accepted, encoding/xml reads in the same way: FuzzDocuments.
//   - There is no other reader of XML in the product: TestThereIsOneReaderOfXML.
package xmldoc

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// The bounds. S3's own documents nest six deep (a tag in the filter of a lifecycle rule), have names of at most 60
// characters, one or two attributes, and at most some 50,000 elements (10,000 parts, each with its number, its ETag and
// a checksum). Texts are short, but for white space between elements, of which some clients write a lot.
const (
	MaxDepth      = 8        // of elements
	MaxElements   = 100_000  // in a document
	MaxName       = 128      // bytes, of an element or an attribute with its prefix
	MaxAttributes = 8        // of one element
	TagSize       = 16 << 10 // bytes of a tag with its attributes, of a comment, of a section of characters
	TextSize      = 1 << 20  // bytes of a text
	MaxBytes      = 16 << 20 // of a document
)

// The ways in which a document is beyond them, as Decoder and Unmarshal report them.
var (
	ErrTooDeep      = errors.New("xmldoc: the document nests too deep")
	ErrTooMany      = errors.New("xmldoc: the document has too many elements")
	ErrLongName     = errors.New("xmldoc: a name is too long")
	ErrAttributes   = errors.New("xmldoc: an element has too many attributes")
	ErrLongToken    = errors.New("xmldoc: a tag or a text is too long")
	ErrTooLong      = errors.New("xmldoc: the document is too long")
	ErrNotPlain     = errors.New("xmldoc: a document type or a processing instruction")
	ErrTrailingData = errors.New("xmldoc: something follows the document")
)

// NewDecoder returns a decoder of encoding/xml that reads r within the bounds. What r fails with, the decoder fails
// with.
func NewDecoder(r io.Reader) *xml.Decoder {
	t := &tokens{}
	t.source.r = bufio.NewReader(r)
	t.raw = xml.NewDecoder(&t.source)
	return xml.NewTokenDecoder(t)
}

// Unmarshal reads the document's one element into v, as xml.Unmarshal does. What follows it isn't looked at.
func Unmarshal(document []byte, v any) error {
	return NewDecoder(bytes.NewReader(document)).Decode(v)
}

// UnmarshalWhole is Unmarshal for a document that nothing may follow but white space and comments.
func UnmarshalWhole(document []byte, v any) error {
	d := NewDecoder(bytes.NewReader(document))
	if err := d.Decode(v); err != nil {
		return err
	}
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case xml.CharData:
			if len(bytes.TrimSpace(t)) != 0 {
				return ErrTrailingData
			}
		case xml.Comment:
		default:
			return ErrTrailingData
		}
	}
}

// tokens are a document's tokens as they stand there, within the bounds.
type tokens struct {
	raw      *xml.Decoder
	source   boundedReader
	depth    int
	elements int
	begun    bool // some token has been read
}

// Token returns the next token. Matching ends to beginnings, and names to name spaces, is the work of the decoder
// above.
func (t *tokens) Token() (xml.Token, error) {
	t.source.begin()
	token, err := t.raw.RawToken()
	if err != nil {
		if t.source.exceeded != nil {
			err = t.source.exceeded
		}
		return nil, err
	}
	first := !t.begun
	t.begun = true
	switch token := token.(type) {
	case xml.StartElement:
		t.depth++
		t.elements++
		switch {
		case t.depth > MaxDepth:
			return nil, ErrTooDeep
		case t.elements > MaxElements:
			return nil, ErrTooMany
		case len(token.Attr) > MaxAttributes:
			return nil, ErrAttributes
		case tooLong(token.Name):
			return nil, ErrLongName
		}
		for i := range token.Attr {
			if tooLong(token.Attr[i].Name) {
				return nil, ErrLongName
			}
		}
	case xml.EndElement:
		t.depth--
	case xml.Directive:
		return nil, ErrNotPlain
	case xml.ProcInst:
		if !first || token.Target != "xml" {
			return nil, ErrNotPlain
		}
	}
	return token, nil
}

func tooLong(n xml.Name) bool { return len(n.Space)+len(n.Local) > MaxName }

// boundedReader hands a document on byte by byte, so that the decoder above never reads beyond a token's end, and ends
// it where a token or the document is beyond its bound.
type boundedReader struct {
	r        *bufio.Reader
	token    int  // bytes since the last token
	limit    int  // of them
	last     byte // that was read
	total    int
	exceeded error
}

// begin begins a token. A text has been read as far as the < after it: then, a tag has begun.
func (c *boundedReader) begin() {
	c.token, c.limit = 0, 0
	if c.last == '<' {
		c.limit = TagSize
	}
}

// ReadByte returns the next byte.
func (c *boundedReader) ReadByte() (byte, error) {
	switch {
	case c.limit > 0 && c.token == c.limit:
		c.exceeded = ErrLongToken
	case c.total == MaxBytes:
		c.exceeded = ErrTooLong
	}
	if c.exceeded != nil {
		return 0, c.exceeded
	}
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if c.limit == 0 {
		c.limit = TextSize
		if b == '<' {
			c.limit = TagSize
		}
	}
	c.last = b
	c.token++
	c.total++
	return b, nil
}

// Read is there because a decoder wants a reader; it uses ReadByte alone.
func (c *boundedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := c.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}
