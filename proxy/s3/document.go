package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sealfront/policy/xmldoc"
)

// A Grammar says which elements a document may have: the root's name, and the paths below it. A path that isn't the
// beginning of another may have text. Documents that pass between client and store are parsed and rebuilt by it, so
// only what it names passes.
type Grammar struct {
	Root        string
	Alias       string   // what some stores call the root
	Paths       []string // joined by slashes
	Unsupported []string // elements that S3 has there and this service doesn't support
}

// errForeign is an element or a text that isn't in the grammar, ErrLacking one of Grammar.Lacks.
var (
	errForeign     = errors.New("an element that has no place there")
	ErrUnsupported = errors.New("an element that isn't supported")
)

// Has reports whether a document may have an element at this path, and whether that one has text.
func (g *Grammar) Has(path string) (inGrammar, leaf bool) {
	for _, p := range g.Paths {
		if p == path {
			return true, true
		}
		inGrammar = inGrammar || strings.HasPrefix(p, path+"/")
	}
	return inGrammar, false
}

// A Stranger is an element of a document that isn't in its grammar, found by a field with the tag ",any".
type Stranger struct{ XMLName xml.Name }

// Refuse says why a client's document may not have the element at a path below the root: an element that isn't acted on
// must not be ignored. nil: it may have it.
func (g *Grammar) Refuse(path ...string) error {
	inGrammar, _ := g.Has(strings.Join(path, "/"))
	switch {
	case inGrammar:
		return nil
	case slices.Contains(g.Unsupported, path[len(path)-1]):
		return Refuse("NotImplemented", "The document has an element that is not implemented", "Element",
			path[len(path)-1]).Because(ErrUnsupported)
	}
	return MalformedXML(fmt.Errorf("%s: %w", strings.Join(path, "/"), errForeign))
}

// RefuseStrangers is Refuse for all strangers of an element.
func (g *Grammar) RefuseStrangers(strangers []Stranger, path ...string) error {
	for _, s := range strangers {
		if err := g.Refuse(append(path, s.XMLName.Local)...); err != nil {
			return err
		}
	}
	return nil
}

// Rewrite rebuilds a document from the elements that are in the grammar. strict refuses all others, in a client's
// document; otherwise they are left out, in a store's.
func (g *Grammar) Rewrite(document []byte, strict bool) ([]byte, error) {
	d := xmldoc.NewDecoder(bytes.NewReader(document))
	var out strings.Builder
	var path []string // below the root
	begun, ended, leaf := false, false, false
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && begun:
			return []byte(out.String()), nil
		case err != nil:
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if !begun {
				if t.Name.Local != g.Root && (strict || t.Name.Local != g.Alias) {
					return nil, errForeign
				}
				begun = true
				out.WriteString("<" + g.Root + ` xmlns="` + Namespace + `">`)
				continue
			}
			path = append(path, t.Name.Local)
			inGrammar, text := g.Has(strings.Join(path, "/"))
			if ended || !inGrammar {
				switch {
				case strict && slices.Contains(g.Unsupported, t.Name.Local):
					return nil, ErrUnsupported
				case strict:
					return nil, errForeign
				}
				if err := d.Skip(); err != nil {
					return nil, err
				}
				path = path[:len(path)-1]
				continue
			}
			leaf = text
			out.WriteString("<" + t.Name.Local + ">")
		case xml.EndElement:
			name := g.Root
			if len(path) > 0 {
				name, path = path[len(path)-1], path[:len(path)-1]
			} else {
				ended = true
			}
			out.WriteString("</" + name + ">")
			leaf = false
		case xml.CharData:
			switch {
			case leaf:
				_ = xml.EscapeText(&out, t)
			case strict && strings.TrimSpace(string(t)) != "":
				return nil, errForeign
			}
		}
	}
}
