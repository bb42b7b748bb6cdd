package memstore

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

// etagOf is the ETag of an object that is put, or of a part.
func (s *Store) etagOf(b *body) string {
	if !s.o.MD5 {
		return `"` + s.unique() + `"`
	}
	h := md5.New()
	_, _ = b.WriteTo(h) // a hash never fails
	return `"` + hex.EncodeToString(h.Sum(nil)) + `"`
}

// etagOfParts is the ETag of an object that is made of parts with these.
func (s *Store) etagOfParts(parts []string) string {
	sum := s.unique()
	if s.o.MD5 {
		h := md5.New()
		for _, etag := range parts {
			raw, _ := hex.DecodeString(strings.Trim(etag, `"`)) // etagOf's
			h.Write(raw)
		}
		sum = hex.EncodeToString(h.Sum(nil))
	}
	return fmt.Sprintf(`"%s-%d"`, sum, len(parts))
}
