package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"sealfront/crypto"
)

// compare reads an object of the source and its sealed copy and reports how they differ. errGone: the source has none;
// errMissing: the sealed bucket has none.
func (g *migration) compare(ctx context.Context, e entry) error {
	s, how, err := g.find(ctx, e)
	if err != nil {
		return err
	}
	defer s.close()
	t, err := g.to.read(ctx, g.target(e.key), "", true)
	switch {
	case errors.Is(err, errGone):
		return errMissing
	case err != nil:
		return ofProxy(err)
	}
	defer t.close()
	if s.length != t.length {
		return differsf("size", "it has %d bytes, and the object in the sealed bucket %d", s.length, t.length)
	}
	if err := compareHeader(s, t); err != nil {
		return err
	}
	if err := g.compareTags(ctx, s, t); err != nil {
		return err
	}
	if c := s.checksum; c != nil && s.length > 0 && (t.checksum == nil || *t.checksum != *c) {
		return differsf("checksum", "its checksum, of %s, isn't that of the object in the sealed bucket", c.algorithm)
	}
	if how.kept && s.length > 0 {
		parts, err := g.to.parts(ctx, t)
		if err != nil {
			return ofProxy(err)
		}
		if !slices.EqualFunc(parts, how.parts, func(a, b shownPart) bool { return a.size == b.size }) {
			return differsf("parts", "it was uploaded in %d parts, and the object in the sealed bucket in %d, or others",
				len(how.parts), len(parts))
		}
	}
	if err := g.body(ctx, s); err != nil {
		return err
	}
	return compareBytes(s, t)
}

func compareHeader(s, t *clientObject) error {
	names := map[string]bool{}
	for _, side := range []*clientObject{s, t} {
		for name := range side.header {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if s.header[name] != t.header[name] && meaning(name, s.header[name]) != meaning(name, t.header[name]) {
			return differsf("metadata", "its %s is %q, and that of the object in the sealed bucket %q",
				name, s.header[name], t.header[name])
		}
	}
	return nil
}

// meaning is the text of metadata, which one side may write as words of RFC 2047 and the other as it is.
func meaning(name, value string) string {
	if !strings.HasPrefix(name, "x-amz-meta-") {
		return value
	}
	if !utf8.ValidString(value) { // ISO 8859-1, in which the proxy answers any bytes that are no UTF-8
		text := make([]rune, len(value))
		for i := range len(value) {
			text[i] = rune(value[i])
		}
		return string(text)
	}
	if text, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
		return text
	}
	return value
}

func (g *migration) compareTags(ctx context.Context, s, t *clientObject) error {
	if g.withoutTags() || !s.tagged && !t.tagged {
		return nil
	}
	want, err := g.from.tags(ctx, s)
	if err != nil {
		return err
	}
	got, err := g.to.tags(ctx, t)
	if err != nil {
		return ofProxy(err)
	}
	if want.Encode() != got.Encode() {
		return differsf("tags", "its tags aren't those of the object in the sealed bucket")
	}
	return nil
}

// compareBytes reads both bodies at once.
func compareBytes(s, t *clientObject) error {
	slab := make([]byte, min(2*max(1, s.length), 2*crypto.SegmentSize))
	defer clear(slab)
	a, b := slab[:len(slab)/2], slab[len(slab)/2:]
	for done := int64(0); done < s.length; {
		n := int(min(s.length-done, int64(len(a))))
		if _, err := io.ReadFull(s.answer, a[:n]); err != nil {
			return fmt.Errorf("read it: %w", err)
		}
		if _, err := io.ReadFull(t.answer, b[:n]); err != nil {
			return fmt.Errorf("read the object in the sealed bucket: %w", err)
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return differsf("bytes", "the object in the sealed bucket has other bytes, from %d or a little after it on", done)
		}
		done += int64(n)
	}
	return nil
}
