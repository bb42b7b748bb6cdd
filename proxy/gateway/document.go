package gateway

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

// A grammar says which elements a document may have: the root's name, and the paths below it. A path that is no other
// one's beginning may have text. The documents that pass between client and store are taken apart and put together by
// it, so nothing passes that isn't named here.
type grammar struct {
	root  string
	alias string   // what some stores call the root
	paths []string // joined by slashes
	lacks []string // elements that S3 has there and this service doesn't
}

// errForeign is an element or a text that the grammar lacks, errLacking one of its lacks.
var (
	errForeign = errors.New("an element that has no place there")
	errLacking = errors.New("an element that isn't supported")
)

func (g *grammar) has(path string) (known, leaf bool) {
	for _, p := range g.paths {
		if p == path {
			return true, true
		}
		known = known || strings.HasPrefix(p, path+"/")
	}
	return known, false
}

// A stranger is an element that a document has and its grammar lacks, found by a field with the tag ",any".
type stranger struct{ XMLName xml.Name }

// refuse says why a client's document may not have the element at a path below the root: a promise that nobody keeps must not
// pass unread. nil: it may.
func (g *grammar) refuse(path ...string) error {
	known, _ := g.has(strings.Join(path, "/"))
	switch {
	case known:
		return nil
	case slices.Contains(g.lacks, path[len(path)-1]):
		return refusal("NotImplemented", "The document has an element that is not implemented", "Element", path[len(path)-1]).because(errLacking)
	}
	return malformedXML(fmt.Errorf("%s: %w", strings.Join(path, "/"), errForeign))
}

// refuseStrangers is refuse for all of an element's.
func (g *grammar) refuseStrangers(strangers []stranger, path ...string) error {
	for _, s := range strangers {
		if err := g.refuse(append(path, s.XMLName.Local)...); err != nil {
			return err
		}
	}
	return nil
}

// rewrite puts a document together anew from what the grammar has. strict refuses everything else, in a client's
// document; else it is left out, in a store's.
func (g *grammar) rewrite(document []byte, strict bool) ([]byte, error) {
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
				if t.Name.Local != g.root && (strict || t.Name.Local != g.alias) {
					return nil, errForeign
				}
				begun = true
				out.WriteString("<" + g.root + ` xmlns="` + s3Namespace + `">`)
				continue
			}
			path = append(path, t.Name.Local)
			known, text := g.has(strings.Join(path, "/"))
			if ended || !known {
				switch {
				case strict && slices.Contains(g.lacks, t.Name.Local):
					return nil, errLacking
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
			name := g.root
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
