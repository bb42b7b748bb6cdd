package tools

import (
	"time"

	"sealfront/crypto"
)

// Shape is how a source object of this size, ETag and checksum, with parts of these sizes, is written.
func Shape(
	length int64, etag string, checksum string, composite bool, sizes ...int64,
) (parts []int64, kept bool, err error) {
	s := &clientObject{etag: etag, length: length}
	if checksum != "" {
		s.checksum = &shownChecksum{algorithm: checksum, composite: composite}
	}
	var shown []shownPart
	for _, size := range sizes {
		shown = append(shown, shownPart{size: size})
	}
	how, err := shapeOf(s, shown, crypto.MaxObjectPut)
	if err != nil {
		return nil, false, err
	}
	for _, part := range how.parts {
		parts = append(parts, part.size)
	}
	return parts, how.unchanged, nil
}

// KeptWith is what an object keeps besides its metadata when it is rewrapped.
var KeptWith = attributesToCopy

// Meter measures the rates of a walk.
type Meter struct{ m meter }

// Add notes what is done at a time and returns the rates of objects and bytes.
func (m *Meter) Add(at time.Time, done, bytes int64) (rate, byteRate float64) {
	return m.m.add(sample{at, done, bytes})
}

// Len is how many samples it keeps.
func (m *Meter) Len() int { return len(m.m.samples) }

// Remaining is the time that what is left takes.
var Remaining = remaining
