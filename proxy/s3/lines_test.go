package s3

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// heads are what a request line is followed by.
var heads = []string{
	"Host: a\r\n\r\n",
	"Host: a\nX: 1\n\r\n",
	"Host: a\r\nX: 1\n\r\n",
	"Host: a\r\n\n",
	"Host: a\r\nTransfer-Encoding: identity\r\n\r\n",
	"Host: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
	"Host: a\r\nContent-Length: 5\r\ntransfer-encoding:identity\r\n\r\n",
	"Host: a\r\nContent-Length: \r\n\r\n",
	"Host:a\r\nX-Amz-Date:\t 20260101T000000Z \t\r\nEmpty:\r\nBlank:  \r\n\r\n",
	"Host: a\r\nx: a:b: c\r\nX: second\r\n\r\n",
	"Host: a\r\nX: one\r\n two\r\nY: z\r\n\r\n",
	"Host: a\r\nX: one\r\n\ttwo\r\n\r\n",
	"Host: a\r\nX:\r\n two\r\n\r\n",
	"Host: a\r\nX : spaced\r\n\r\n",
	"Host: a\r\nX y: spaced within\r\n\r\n",
	"Host: a\r\nX: caf\xc3\xa9\r\n\r\n",
	"Host: a\r\nX: a\rb\r\n\r\n",
	"Host: a\r\nX: \r\r\n\r\n",
	"Host: a\r\nX: a \r \r\n\r\n",
	"Host: a\r\nno colon\r\n\r\n",
	"Host: a\r\n: no name\r\n\r\n",
	"\r\n",
}

// ambiguousHead finds a folded line, a bare line feed, a transfer coding that isn't chunked alone, and an empty length.
var ambiguousHead = regexp.MustCompile(`(?i)\n[ \t]|(^|[^\r])\n|(^|\n)transfer-encoding:[ \t]*([^c \t]|c[^h]|\r)|(^|\n)content-length:[ \t]*\r\n`)

// sameLines holds appendLines to fasthttp's own reading of what it takes for a head.
func sameLines(t *testing.T, head string) {
	var h fasthttp.RequestHeader
	h.DisableNormalizing()
	if h.Read(bufio.NewReaderSize(strings.NewReader("GET / HTTP/1.1\r\n"+head), 16<<10)) != nil {
		return
	}
	raw := bytes.Clone(h.RawHeaders())
	fields, ambiguous := AppendLines(nil, raw)
	if ambiguous != ambiguousHead.Match(raw) {
		t.Fatalf("%q: ambiguous is %v", head, ambiguous)
	}
	if ambiguous {
		return // refused
	}
	i := 0
	for name, value := range h.AllInOrder() {
		if i == len(fields) || !bytes.Equal(fields[i].Name, name) || !bytes.Equal(fields[i].Value, value) {
			t.Fatalf("%q: line %d is %q: %q for fasthttp; all here: %q", head, i, name, value, fields)
		}
		i++
	}
	if i != len(fields) {
		t.Fatalf("%q: fasthttp has %d lines, here are %q", head, i, fields)
	}
}

func TestLinesAreThoseThatTheServerRead(t *testing.T) {
	for _, head := range heads {
		sameLines(t, head)
	}
}

func FuzzLines(f *testing.F) {
	for _, head := range heads {
		f.Add(head)
	}
	f.Fuzz(sameLines)
}
