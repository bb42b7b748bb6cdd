package tools

import "sealfront/crypto"

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
