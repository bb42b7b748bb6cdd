package store

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Names is the rule by which a store holds names, as the probe found it: which names come back as they were put, by
// GET, by a listing, by its markers and by a deletion. What doesn't is refused before it is stored. The zero value is
// the most careful rule. A Names is a value: two stores hold names alike when it is equal.
type Names struct {
	EmptySegments bool // "a//b" and "/a" stay as they are
	DotSegments   bool // "a/./b" and "a/../b" are
	SpacedDots    bool // segments that are dots between blanks are: "a/.. /b"
	Backslashes   bool // dots between backslashes are: `a\..\b`
	FolderKeys    bool // "a/", empty, is an object with metadata like any other
	Distinct      bool // names that differ in case or in Unicode's normal form only are two
	Segment       int  // the most bytes between two slashes, up to MaxName
	Characters    Set  // of oddCharacters, those that come back
	Words         Set  // of storeWords, those that aren't the store's own
}

// or is the rule of a store that holds what one or the other says.
func (n Names) or(o *Names) Names {
	return Names{
		EmptySegments: n.EmptySegments || o.EmptySegments, DotSegments: n.DotSegments || o.DotSegments,
		SpacedDots: n.SpacedDots || o.SpacedDots, Backslashes: n.Backslashes || o.Backslashes,
		FolderKeys: n.FolderKeys || o.FolderKeys, Distinct: n.Distinct || o.Distinct,
		Segment: max(n.Segment, o.Segment), Characters: n.Characters | o.Characters, Words: n.Words | o.Words,
	}
}

// MaxName is the most bytes that S3 allows a name.
const MaxName = 1024

// leastSegment is the most bytes of a segment where the probe found no number.
const leastSegment = 143

// A Set is a set of small numbers.
type Set uint64

// With returns the set with i in it.
func (s Set) With(i int) Set { return s | 1<<i }

// Has reports whether i is in the set.
func (s Set) Has(i int) bool { return s>>i&1 != 0 }

// oddCharacters are those that XML 1.0 has no place for, or that are easily taken for others. The last but two is what
// stores write in place of them: where one of the others doesn't come back, it can't be told apart from those.
var oddCharacters = func() (odd []rune) {
	for r := rune(1); r < ' '; r++ {
		odd = append(odd, r)
	}
	return append(odd, 0x7f, utf8.RuneError, 0xfffe, 0xffff)
}()

// storeWords are segments that stores keep for themselves: versitygw its directories of half-done work, MinIO the mark
// of a name that ends in a slash. A segment that ends in a suffix is refused as the word itself is.
var storeWords = [...]struct {
	word   string
	suffix bool
}{{".sgwtmp", false}, {".minio.sys", false}, {".rustfs.sys", false}, {"xl.meta", false}, {"__XLDIR__", true}}

// AllNames is the rule of a store that holds every name.
func AllNames() Names {
	return Names{
		EmptySegments: true, DotSegments: true, SpacedDots: true, Backslashes: true, FolderKeys: true, Distinct: true,
		Segment:    MaxName,
		Characters: 1<<len(oddCharacters) - 1, Words: 1<<len(storeWords) - 1,
	}
}

// A NameFault says why the store can't hold a name exactly.
type NameFault struct {
	Why string
	// Absent: no object can have the name, and the store must not be asked for it, since it would take it for another
	// one, or for something of its own. Otherwise there may be such an object from earlier, which can be read and
	// deleted.
	Absent bool
}

// Check returns nil for a name that the store holds exactly, without an allocation.
func (n *Names) Check(name string) *NameFault {
	limit := n.segment()
	var fault *NameFault
	for rest, more := name, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		switch {
		case segment == "" && more && !n.EmptySegments:
			return &NameFault{"it folds empty segments", true}
		case n.dots(segment) >= 0:
			return &NameFault{`it folds or refuses segments of dots`, true}
		case len(segment) > limit && len(segment) > 255:
			return &NameFault{"a segment between slashes is longer than it holds", true}
		case len(segment) > limit:
			fault = &NameFault{"a segment between slashes is longer than it replaces", false}
		}
		if word := n.word(segment); word != "" {
			return &NameFault{"it keeps the name " + word + " for itself", true}
		}
	}
	if fault == nil && n.garbledAt(name) >= 0 {
		fault = &NameFault{"its listings show characters of this name as others", false}
	}
	return fault
}

func (n *Names) segment() int {
	if n.Segment == 0 {
		return leastSegment
	}
	return n.Segment
}

// dots is where the first dots of a segment end that the store folds or refuses, as the whole of it or, where it takes
// backslashes for slashes, between two of them; -1 if there are none.
func (n *Names) dots(segment string) int {
	if strings.IndexByte(segment, '.') < 0 {
		return -1
	}
	if !n.Backslashes && strings.IndexByte(segment, '\\') >= 0 {
		end := -1
		for part := range strings.SplitSeq(segment, `\`) {
			if end += 1 + len(part); isDots(trimBlanks(part)) {
				return end
			}
		}
	}
	switch {
	case isDots(segment):
		if n.DotSegments {
			return -1
		}
	case n.SpacedDots, !isDots(trimBlanks(segment)):
		return -1
	}
	return len(segment)
}

func isDots(s string) bool { return s == "." || s == ".." }

func trimBlanks(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// word is the word of the store's own that a segment is, or "".
func (n *Names) word(segment string) string {
	if len(segment) < len("xl.meta") {
		return ""
	}
	for i, w := range storeWords {
		if !n.Words.Has(i) && (segment == w.word || w.suffix && strings.HasSuffix(segment, w.word)) {
			return w.word
		}
	}
	return ""
}

// Garbles reports whether the store's listings show some characters as others.
func (n *Names) Garbles() bool { return n.Characters != 1<<len(oddCharacters)-1 }

// garbledAt is the index of the first character that doesn't come back from a listing; -1 if there is none.
func (n *Names) garbledAt(name string) int {
	if !n.Garbles() {
		return -1
	}
	return strings.IndexFunc(name, n.garbled)
}

func (n *Names) garbled(r rune) bool {
	if r >= ' ' && r < 0x7f || r > 0x7f && r < utf8.RuneError || r > 0xffff {
		return false
	}
	i := slices.Index(oddCharacters, r)
	return i >= 0 && !n.Characters.Has(i)
}

// shown is how a listing of the store shows a name.
func (n *Names) shown(name string) string {
	if n.garbledAt(name) < 0 {
		return name
	}
	return strings.Map(func(r rune) rune {
		if n.garbled(r) {
			return utf8.RuneError
		}
		return r
	}, name)
}

// lost are the characters that don't come back, in the order of names.
func (n *Names) lost() (lost []rune) {
	for _, r := range oddCharacters {
		if n.garbled(r) {
			lost = append(lost, r)
		}
	}
	return lost
}

// foldedAt finds the first segment of a prefix or marker that the store folds, so that no name can have it: where it
// begins, and where that of it ends which makes it so. open: that is the end of all, and may be the beginning of a
// segment that a name can have.
func (n *Names) foldedAt(s string) (start, end int, open, found bool) {
	for start <= len(s) {
		segment, _, more := strings.Cut(s[start:], "/")
		if segment == "" && more && !n.EmptySegments {
			return start, start, false, true
		}
		if at := n.dots(segment); at >= 0 {
			return start, start + at, start+at == len(s), true
		}
		start += len(segment) + 1
	}
	return 0, 0, false, false
}

// highest follows every character in the order of names.
const highest = "\U0010FFFF"

// marker is where a listing begins that is to begin after a name: the name itself, or, where the store folds or refuses
// that as a marker, one before it with nothing between the two that the store can hold. A store takes what else no name
// can have, too long segments and words of its own, as the place where it would be.
func (n *Names) marker(after string) string {
	_, end, open, found := n.foldedAt(after)
	if !found {
		return after
	}
	if !open {
		end++ // with the slash or backslash, so that what has it is behind the marker
	}
	return after[:end-1] + string(after[end-1]-1) + highest
}

// An ability is one that a store has or not, and how the lack of it is reported.
type ability struct {
	has  bool
	name string
}

// absent returns the names of those that the store doesn't have.
func absent(abilities []ability) (names []string) {
	for _, a := range abilities {
		if !a.has {
			names = append(names, a.name)
		}
	}
	return names
}

// refused names the kinds of keys that the rule refuses.
func (n *Names) refused() []string {
	return absent([]ability{
		{n.EmptySegments, "keys with empty segments"},
		{n.DotSegments, "keys with dot segments"},
		{n.SpacedDots, "keys with dots and blanks as a segment"},
		{n.Backslashes, "keys with dots between backslashes"},
		{n.FolderKeys, "keys that end in a slash"},
		{n.Segment == MaxName, "keys with long segments"},
		{!n.Garbles(), "keys with control characters"},
		{n.Words == 1<<len(storeWords)-1, "keys with names that it reserves"},
		{n.Distinct, "keys that differ in case or normal form only"},
	})
}
