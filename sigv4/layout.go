package sigv4

import (
	"bytes"
	"sync/atomic"
)

// A layout is what the names of a header, with the list of those that are signed, say by themselves: what is sorted
// where in the canonical request, where the fields are that matter to authentication, and that nothing is unsigned
// which must be signed. A client sends the same names in the same order again and again, so this is worked out once
// and remembered, by Verifiers only for requests that verified. No values of fields are in it and nothing secret.
//
// It owns its memory and doesn't change. Only headers of a usual form have one, see newLayout.
type layout struct {
	fields   int                  // how many the header has
	nameEnds [maxFields]uint16    // where each field's name ends in names
	lines    [maxFields]canonLine // of the canonical headers, in order
	signed   int                  // how many lines there are
	places   [places]int8         // where the fields are that this package looks for, -1 for absent ones
	sums     int8                 // how many of the x-amz-checksum-* there are

	names  string // as sent, one after another
	labels string // "host:\nrange:\n…:", what stands before each value
	tail   string // what stands between the last value and the payload hash: two line ends, the list and another one

	signedHeaders string // as sent

	// What readUsual needs.
	usual  bool
	middle string // what stands between credential and signature in the Authorization header
	listAt int    // where signedHeaders begins in it

	// A short query that says nothing about authentication, the one seen when the layout was made, and its canonical
	// form.
	query, canonicalQuery string
}

type canonLine struct {
	labelEnd uint16
	field    uint8
}

const (
	maxFields      = 40      // more are never remembered
	maxLayoutNames = 1 << 11 // bytes, likewise
	maxQuery       = 64      // bytes, of a query such as x-id=GetObject
)

// place counts the fields that this package looks for.
type place uint8

const (
	authorizationPlace place = iota
	datePlace
	amzDatePlace
	contentSHA256Place
	securityTokenPlace
	sessionTokenPlace
	contentTypePlace
	contentLengthPlace
	decodedLengthPlace
	trailerPlace
	sdkAlgorithmPlace
	places
)

var placeNames = [places]string{
	"authorization", "date", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-s3session-token",
	"content-type",
	"content-length", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm",
}

// newLayout returns what is to be remembered of a header that c has sorted, nil if it is too unusual: a name twice that
// is signed or looked for, a signed name that is absent, or too much of anything.
func newLayout(header []Field, c *canonicalizer, signedHeaders []byte) *layout {
	size := len(signedHeaders)
	for i := range header {
		size += len(header[i].Name)
	}
	if len(header) > maxFields || len(c.signed) == 0 || len(c.signed) > maxFields || size > maxLayoutNames {
		return nil
	}
	var lines [maxFields]canonLine
	if !c.eachOnce(&lines) {
		return nil
	}
	places, ok := placesOf(header)
	if !ok {
		return nil
	}
	l := &layout{
		fields: len(header), signed: len(c.signed), lines: lines, places: places, signedHeaders: string(signedHeaders),
	}
	l.sums = int8(checksumHeaders(header))
	names := make([]byte, 0, size)
	for i := range header {
		names = append(names, header[i].Name...)
		l.nameEnds[i] = uint16(len(names))
	}
	l.names = string(names)
	var labels []byte
	for i, name := range c.signed {
		if i > 0 {
			labels = append(labels, '\n')
		}
		labels = append(append(labels, name...), ':')
		l.lines[i].labelEnd = uint16(len(labels))
	}
	l.labels = string(labels)
	l.tail = "\n\n" + string(c.appendSignedHeaders(nil)) + "\n"
	return l
}

// eachOnce finds the field of each signed name. ok is false unless every one has a single field.
func (c *canonicalizer) eachOnce(lines *[maxFields]canonLine) (ok bool) {
	f := 0
	for i, name := range c.signed {
		for f < len(c.fields) && bytes.Compare(c.fields[f].name, name) < 0 {
			f++
		}
		if f == len(c.fields) || !bytes.Equal(c.fields[f].name, name) ||
			f+1 < len(c.fields) && bytes.Equal(c.fields[f+1].name, name) {
			return false
		}
		lines[i].field = uint8(c.fields[f].position)
	}
	return true
}

// placesOf finds the fields that this package looks for. ok is false if there are two of one name.
func placesOf(header []Field) (found [places]int8, ok bool) {
	for p, name := range placeNames {
		found[p] = -1
		for i := range header {
			if !equalName(header[i].Name, name) {
				continue
			}
			if found[p] >= 0 {
				return found, false
			}
			found[p] = int8(i)
		}
	}
	return found, true
}

// has reports whether a header has the names of this layout, byte by byte.
func (l *layout) has(header []Field) bool {
	if len(header) != l.fields {
		return false
	}
	start := 0
	for i := range header {
		end := int(l.nameEnds[i])
		if string(header[i].Name) != l.names[start:end] {
			return false
		}
		start = end
	}
	return true
}

// value returns the trimmed value at a place, nil if there is none.
func (l *layout) value(m *Message, p place) []byte {
	if i := l.places[p]; i >= 0 {
		return trim(m.Header[i].Value)
	}
	return nil
}

// layouts are those seen last, found by the lengths of their names. Safe for concurrent use; the zero value is empty.
type layouts struct {
	slots  [64]atomic.Pointer[layout]
	misses atomic.Uint32 // that found their slot taken
}

func (z *layouts) slot(header []Field) *atomic.Pointer[layout] {
	h := uint32(len(header))
	for i := range header {
		h += uint32(i+1) * uint32(len(header[i].Name))
	}
	return &z.slots[h*0x9e3779b1>>26]
}

// find returns the layout of a header, nil if it isn't known.
func (z *layouts) find(header []Field) *layout {
	if l := z.slot(header).Load(); l != nil && l.has(header) {
		return l
	}
	return nil
}

// admits reports whether a header that was not found is worth a layout. Headers that share a slot would take it from
// each other at every request, so only one in some does.
func (z *layouts) admits(header []Field) bool {
	return z.slot(header).Load() == nil || z.misses.Add(1)%layoutPatience == 0
}

const layoutPatience = 16

// put remembers the layout of a header; nil, that it has none, only in a free slot.
func (z *layouts) put(header []Field, l *layout) {
	if l == nil {
		z.slot(header).CompareAndSwap(nil, noLayout)
		return
	}
	z.slot(header).Store(l)
}

var noLayout = &layout{fields: -1}
