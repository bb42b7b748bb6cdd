package xmldoc_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sealfront/policy/xmldoc"
)

// all reads a document's tokens to its end.
func all(d *xml.Decoder) (list []xml.Token, err error) {
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, xml.CopyToken(t))
	}
}

func nested(depth int) string { return strings.Repeat("<a>", depth) + strings.Repeat("</a>", depth) }

func TestDocumentsBeyondTheBoundsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     error
	}{
		"as deep as may be":          {nested(xmldoc.MaxDepth), nil},
		"deeper":                     {nested(xmldoc.MaxDepth + 1), xmldoc.ErrTooDeep},
		"never closed":               {strings.Repeat("<a>", 1<<20), xmldoc.ErrTooDeep},
		"as many elements as may be": {"<a>" + strings.Repeat("<b/>", xmldoc.MaxElements-1) + "</a>", nil},
		"more": {
			"<a>" + strings.Repeat("<b/>", xmldoc.MaxElements) + "</a>", xmldoc.ErrTooMany,
		},
		"a long name": {
			"<" + strings.Repeat("a", xmldoc.MaxName+1) + "/>", xmldoc.ErrLongName,
		},
		"a long prefix": {
			"<" + strings.Repeat("a", xmldoc.MaxName) + ":b/>", xmldoc.ErrLongName,
		},
		"an attribute's long name": {
			"<a " + strings.Repeat("a", xmldoc.MaxName+1) + `="b"/>`, xmldoc.ErrLongName,
		},
		"many attributes": {
			"<a" + strings.Repeat(` a="b"`, xmldoc.MaxAttributes+1) + "/>", xmldoc.ErrAttributes,
		},
		"a tag without end":  {"<a" + strings.Repeat(` a="b"`, 1<<20), xmldoc.ErrLongToken},
		"a name without end": {"<" + strings.Repeat("a", 1<<20), xmldoc.ErrLongToken},
		"a text without end": {"<a>" + strings.Repeat("a", 2<<20), xmldoc.ErrLongToken},
		"much white space":   {"<a>" + strings.Repeat(" ", xmldoc.TextSize-1) + "<b/></a>", nil},
		"a long tag behind a text": {
			"<a>text<b" + strings.Repeat(" ", xmldoc.TagSize) + "/></a>", xmldoc.ErrLongToken,
		},
		"a comment without end":               {"<!--" + strings.Repeat("a", 1<<20), xmldoc.ErrLongToken},
		"a section of characters without end": {"<a><![CDATA[" + strings.Repeat("a", 1<<20), xmldoc.ErrLongToken},
		"a document of short texts without end": {
			"<a>" + strings.Repeat("aaaaaaa<!---->", xmldoc.MaxBytes/14+1) + "</a>", xmldoc.ErrTooLong,
		},
		"a document type":          {`<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>`, xmldoc.ErrNotPlain},
		"a processing instruction": {"<a><?php x?></a>", xmldoc.ErrNotPlain},
		"a style sheet":            {`<?xml-stylesheet href="x"?><a/>`, xmldoc.ErrNotPlain},
		"a second declaration":     {`<?xml version="1.0"?><?xml version="1.0"?><a/>`, xmldoc.ErrNotPlain},
		"what stores write": {
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
				`<a xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><!-- c --><b x="y">t&amp;</b><![CDATA[<]]></a>`,
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := all(xmldoc.NewDecoder(strings.NewReader(c.document))); !errors.Is(err, c.want) ||
				(err == nil) != (c.want == nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Whatever a document of 4 MiB is made of, reading it to where it is refused allocates less than 1 MiB, or for a text a
// few times as much as a text may be.
func TestNestedAndLongDocumentsCostNothing(t *testing.T) {
	const size = 4 << 20
	for name, piece := range map[string]string{
		"nested": "<a>", "nested name spaces": `<a xmlns="b">`, "attributes": ` a=""`, "a name": "a", "a text": "a ",
		"entities": "&#65;",
		"comments": "<!--", "broken": "<", "instructions": "<?a ",
	} {
		t.Run(name, func(t *testing.T) {
			begin := "<a>"
			if piece == ` a=""` || piece == "a" {
				begin = "<a"
			}
			document := []byte(begin + strings.Repeat(piece, size/len(piece)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := all(xmldoc.NewDecoder(bytes.NewReader(document)))
			runtime.ReadMemStats(&after)
			most := uint64(1 << 20)
			if piece == "a " || piece == "&#65;" {
				most = 6 * xmldoc.TextSize
			}
			if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > most {
				t.Errorf("%d bytes were allocated; %v", got, err)
			}
		})
	}
}

func TestUnmarshal(t *testing.T) {
	type document struct {
		XMLName xml.Name `xml:"Tagging"`
		Key     []string `xml:"TagSet>Tag>Key"`
	}
	var d document
	const text = `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>a</Key></Tag><Tag><Key>` +
		`b</Key></Tag></TagSet></Tagging>`
	if err := xmldoc.Unmarshal([]byte(text+"<more/>"), &d); err != nil || !slices.Equal(d.Key, []string{"a", "b"}) {
		t.Errorf("%v, %v", d, err)
	}
	for behind, want := range map[string]bool{
		"": true, " \n<!-- c -->": true, "<more/>": false, "more": false, "<!DOCTYPE a>": false, "<": false,
	} {
		if err := xmldoc.UnmarshalWhole([]byte(text+behind), new(document)); (err == nil) != want {
			t.Errorf("%q behind the document: %v", behind, err)
		}
	}
	if err := xmldoc.UnmarshalWhole([]byte("<Tagging>"), &d); err == nil {
		t.Error("a document without end")
	}
	broken := errors.New("broken")
	if _, err := xmldoc.NewDecoder(iotest.ErrReader(broken)).Token(); !errors.Is(err, broken) {
		t.Errorf("the reader's own error became %v", err)
	}
}

// What is accepted means what encoding/xml means by it.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		nested(3), `<a b="c">t&lt;</a>`, `<?xml version="1.0"?><a/>`, `<x:a xmlns:x="y"><x:b/></x:a>`, "<a><b></a></b>",
		"<a>]]></a>", "<!DOCTYPE a><a/>", "<a>\r\n</a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document string) {
		got, err := all(xmldoc.NewDecoder(strings.NewReader(document)))
		want, plain := all(xml.NewDecoder(strings.NewReader(document)))
		if err == nil && (plain != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%q: %v, and by encoding/xml %v, %v", document, got, want, plain)
		}
	})
}

// Nothing in the product reads XML by encoding/xml itself. The load generator reads what it has asked for.
func TestThereIsOneReaderOfXML(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && !strings.HasPrefix(entry.Name(), "..") ||
			entry.Name() == "bench" || entry.Name() == "xmldoc"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok && from.Name == "xml" &&
					(s.Sel.Name == "Unmarshal" ||
						strings.HasPrefix(s.Sel.Name, "New") && strings.HasSuffix(s.Sel.Name, "Decoder")) {
					t.Errorf("%s: xml.%s: read documents by xmldoc", set.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}
