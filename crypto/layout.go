package crypto

import (
	"fmt"
	"sort"
)

// Layout says where an object's parts lie, in the plaintext and in the store. It doesn't change and may be shared. It
// takes 32 bytes a part, so that it can be cached where the trailer, with its checksums, can't.
type Layout struct {
	parts []placedPart
}

// placedPart has ends only: the starts are the ends of the part before.
type placedPart struct {
	plainEnd, storedEnd int64
	salt                [SaltSize]byte
}

// PlacedPart is one part and where it lies, in bytes from the object's start.
type PlacedPart struct {
	Plain, Length        int64 // in the plaintext
	Stored, SealedLength int64 // in the store
	Salt                 [SaltSize]byte
}

// SinglePart returns the layout of an object of one part, whose length and salt the envelope has.
func SinglePart(length int64, salt [SaltSize]byte) *Layout {
	one := &struct {
		Layout
		part [1]placedPart
	}{part: [1]placedPart{{length, SealedLength(length), salt}}}
	one.parts = one.part[:]
	return &one.Layout
}

// Layout returns the layout of the trailer's parts. The trailer must be one that OpenTrailer returned or Check accepts.
func (t *Trailer) Layout() *Layout {
	l := &Layout{make([]placedPart, len(t.Parts))}
	var plain, stored int64
	for i := range t.Parts {
		plain += t.Parts[i].Length
		stored += SealedLength(t.Parts[i].Length)
		l.parts[i] = placedPart{plain, stored, t.Parts[i].Salt}
	}
	return l
}

// Length returns the object's plaintext length.
func (l *Layout) Length() int64 { return l.parts[len(l.parts)-1].plainEnd }

// Parts returns the number of parts.
func (l *Layout) Parts() int { return len(l.parts) }

// Size returns the memory that the layout takes, in bytes, for caches that are bounded in bytes.
func (l *Layout) Size() int { return 32*cap(l.parts) + 24 }

// Part returns the part with that ordinal, from 0. Ordinals aren't the numbers of the upload, which may have gaps.
func (l *Layout) Part(ordinal int) PlacedPart {
	plain, stored := l.start(ordinal)
	end := &l.parts[ordinal]
	return PlacedPart{plain, end.plainEnd - plain, stored, end.storedEnd - stored, end.salt}
}

func (l *Layout) start(ordinal int) (plain, stored int64) {
	if ordinal == 0 {
		return 0, 0
	}
	before := &l.parts[ordinal-1]
	return before.plainEnd, before.storedEnd
}

// find returns the ordinal of the part that holds the plaintext byte at offset, which must be below Length.
func (l *Layout) find(offset int64) int {
	return sort.Search(len(l.parts), func(i int) bool { return l.parts[i].plainEnd > offset })
}

func (l *Layout) holds(first, last int64) error {
	if first < 0 || last < first || last >= l.Length() {
		return fmt.Errorf("bytes %d to %d of %d: %w", first, last, l.Length(), ErrDamaged)
	}
	return nil
}
