package tools

import "sealfront/crypto"

// Shape is how a source object of this size, ETag and checksum, with parts of these sizes, is written.
func Shape(length int64, etag string, checksum string, composite bool, sizes ...int64) (parts []int64, kept bool, err error) {
	s := &seen{etag: etag, length: length}
	if checksum != "" {
		s.checksum = &toldChecksum{algorithm: checksum, composite: composite}
	}
	var told []toldPart
	for _, size := range sizes {
		told = append(told, toldPart{size: size})
	}
	how, err := shapeOf(s, told, crypto.MaxObjectPut)
	if err != nil {
		return nil, false, err
	}
	for _, part := range how.parts {
		parts = append(parts, part.size)
	}
	return parts, how.kept, nil
}
