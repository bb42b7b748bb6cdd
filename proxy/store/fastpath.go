package store

import (
	"strconv"
	"strings"
	"unsafe"
)

// This file is faster than it is plain. It must equal encoding/xml: what it takes for a page is the page that xmldoc
// reads, and what it doesn't take is left to that. FuzzParsePage compares the two.

// pageParser reads plain documents: elements without attributes but xmlns, ASCII text with the common entities. Its
// methods return false for everything else, and then nothing is known of the document.
type pageParser struct {
	text string
	at   int
	page Page
}

// parsePlainPage reads a plain document; nil for any other. The page's strings share document's memory.
func parsePlainPage(document []byte) *Page {
	p := pageParser{text: unsafe.String(unsafe.SliceData(document), len(document))}
	if !p.parse() {
		return nil
	}
	return &p.page
}

func (p *pageParser) parse() bool {
	if strings.HasPrefix(p.text, `<?xml version="1.0" encoding="UTF-8"?>`) {
		p.at = len(`<?xml version="1.0" encoding="UTF-8"?>`)
	}
	p.space()
	root, empty, ok := p.open()
	if !ok || empty {
		return false
	}
	for {
		p.space()
		if p.closes() {
			return p.close(root)
		}
		if !p.field() {
			return false
		}
	}
}

// field reads a child of the root.
func (p *pageParser) field() bool {
	name, empty, ok := p.open()
	if !ok {
		return false
	}
	switch name {
	case "Contents":
		p.page.Contents = append(p.page.Contents, PageObject{})
		return empty || p.object(&p.page.Contents[len(p.page.Contents)-1])
	case "CommonPrefixes":
		p.page.CommonPrefixes = append(p.page.CommonPrefixes, PagePrefix{})
		return empty || p.children(name, func(child, value string) bool {
			if child == "Prefix" {
				p.page.CommonPrefixes[len(p.page.CommonPrefixes)-1].Prefix = value
			}
			return true
		})
	}
	value := ""
	if !empty {
		if value, ok = p.value(name); !ok {
			return false
		}
	}
	switch name {
	case "IsTruncated":
		var err error
		p.page.IsTruncated, err = strconv.ParseBool(value)
		return err == nil
	case "NextContinuationToken":
		p.page.NextContinuationToken = value
	case "NextMarker":
		p.page.NextMarker = value
	case "EncodingType":
		p.page.EncodingType = value
	}
	return true
}

// object reads the children of Contents.
func (p *pageParser) object(o *PageObject) bool {
	return p.children("Contents", func(child, value string) bool {
		switch child {
		case "Key":
			o.Key = value
		case "LastModified":
			o.LastModified = value
		case "ETag":
			o.ETag = value
		case "Size":
			n, err := strconv.ParseInt(value, 10, 64)
			o.Size = n
			return err == nil
		case "StorageClass":
			o.StorageClass = value
		}
		return true
	})
}

// children calls f with each child of the element and its text, up to the element's end. Children of Owner and the like
// are passed over.
func (p *pageParser) children(element string, f func(child, value string) bool) bool {
	for {
		p.space()
		if p.closes() {
			return p.close(element)
		}
		child, empty, ok := p.open()
		if !ok {
			return false
		}
		value := ""
		if !empty {
			if child == "Owner" || child == "RestoreStatus" {
				if !p.children(child, func(string, string) bool { return true }) {
					return false
				}
				continue
			}
			if value, ok = p.value(child); !ok {
				return false
			}
		}
		if !f(child, value) {
			return false
		}
	}
}

func (p *pageParser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t') {
		p.at++
	}
}

// closes reports whether an end tag comes next.
func (p *pageParser) closes() bool { return strings.HasPrefix(p.text[p.at:], "</") }

// close reads the end tag of name.
func (p *pageParser) close(name string) bool {
	rest := p.text[p.at:]
	if len(rest) < len(name)+3 || rest[2:2+len(name)] != name || rest[2+len(name)] != '>' {
		return false
	}
	p.at += len(name) + 3
	return true
}

// open reads a start tag.
func (p *pageParser) open() (name string, empty, ok bool) {
	rest := p.text[p.at:]
	if len(rest) < 3 || rest[0] != '<' {
		return "", false, false
	}
	n := 1
	for n < len(rest) && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || n > 1 && rest[n] >= '0' && rest[n] <= '9') {
		n++
	}
	name = rest[1:n]
	rest = rest[n:]
	if after, found := strings.CutPrefix(rest, ` xmlns="`); found {
		end := strings.IndexByte(after, '"')
		if end < 0 || !plain(after[:end]) || strings.IndexByte(after[:end], '&') >= 0 {
			return "", false, false
		}
		rest = after[end+1:]
	}
	switch {
	case name == "":
		return "", false, false
	case strings.HasPrefix(rest, ">"):
		rest = rest[1:]
	case strings.HasPrefix(rest, "/>"):
		rest, empty = rest[2:], true
	default:
		return "", false, false
	}
	p.at = len(p.text) - len(rest)
	return name, empty, true
}

// value reads the text of an element without children, and its end tag.
func (p *pageParser) value(name string) (string, bool) {
	rest := p.text[p.at:]
	end := strings.IndexByte(rest, '<')
	if end < 0 || !plain(rest[:end]) {
		return "", false
	}
	p.at += end
	if !p.closes() || !p.close(name) {
		return "", false
	}
	return unescapeText(rest[:end])
}

// plain reports whether text is ASCII without control characters, and without what ends a CDATA section.
func plain(text string) bool {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= 0x7f || b == '>' || b == '<' {
			return false
		}
	}
	return true
}

// unescapeText replaces the entities that S3 stores write.
func unescapeText(text string) (string, bool) {
	if strings.IndexByte(text, '&') < 0 {
		return text, true
	}
	if inner, ok := strings.CutPrefix(text, "&quot;"); ok { // an ETag
		if inner, ok = strings.CutSuffix(inner, "&quot;"); ok && strings.IndexByte(inner, '&') < 0 {
			return `"` + inner + `"`, true
		}
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		if text[0] != '&' {
			out = append(out, text[0])
			text = text[1:]
			continue
		}
		entity, rest, found := strings.Cut(text[1:], ";")
		if !found {
			return "", false
		}
		switch entity {
		case "quot", "#34", "#x22":
			out = append(out, '"')
		case "apos", "#39", "#x27":
			out = append(out, '\'')
		case "amp", "#38", "#x26":
			out = append(out, '&')
		case "lt", "#60", "#x3c", "#x3C":
			out = append(out, '<')
		case "gt", "#62", "#x3e", "#x3E":
			out = append(out, '>')
		default:
			return "", false
		}
		text = rest
	}
	return string(out), true
}
