package tools

import (
	"strings"

	"sealfront/crypto"
)

// A shape is how a source object is written.
type shape struct {
	parts []shownPart // nil: by one PutObject
	kept  bool        // they are the source's
}

// cutSize is that of parts that the migration chooses, at least: whole segments, so that ranges map by arithmetic.
const cutSize = 64 << 20

// shapeOf decides how an object is written, from the parts that the source shows of it, or refuses it. limit is the
// most bytes of one PutObject.
func shapeOf(s *clientObject, parts []shownPart, limit int64) (*shape, error) {
	switch {
	case s.checksum != nil && !s.checksum.known():
		return nil, refusedf("checksum", "it has a checksum by %s, which sealed objects can't have", s.checksum.algorithm)
	case parts == nil && !s.cameInParts() && s.length <= limit:
		return &shape{kept: true}, nil
	case parts != nil && legalParts(parts):
		return &shape{parts: parts, kept: true}, nil
	case s.isComposite():
		return nil, refusedf("checksum",
			"its checksum is one of its parts' checksums, and its parts are not known or can't be those of a sealed object")
	case s.length <= limit:
		return &shape{}, nil
	case s.checksum != nil && !strings.HasPrefix(s.checksum.algorithm, "CRC"):
		return nil, refusedf("checksum",
			"it is too large for one PutObject, and %s can't be combined of the checksums of parts", s.checksum.algorithm)
	}
	size := max(cutSize, (s.length/crypto.MaxParts/crypto.SegmentSize+1)*crypto.SegmentSize)
	cut := &shape{}
	for rest := s.length; rest > 0; rest -= size {
		cut.parts = append(cut.parts, shownPart{size: min(rest, size)})
	}
	return cut, nil
}

// legalParts reports whether a sealed object can have parts of these sizes.
func legalParts(parts []shownPart) bool {
	for i := range parts {
		size := parts[i].size
		if i < len(parts)-1 && size < crypto.MinPartSize || size > crypto.MaxPart ||
			i == crypto.MaxParts-1 && size > crypto.MaxPart10000 {
			return false
		}
	}
	return len(parts) > 0 && len(parts) <= crypto.MaxParts
}
