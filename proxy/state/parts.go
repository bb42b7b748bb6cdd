package state

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"sealfront/crypto"
)

// A Part is an accepted attempt at a part.
type Part struct {
	crypto.PartRecord
	Accepted time.Time // the store's clock
}

// AddPart writes the record of an accepted attempt: one empty object, whose name says everything.
func (s *State) AddPart(ctx context.Context, u *Upload, r *crypto.PartRecord) error {
	name, err := r.AppendName(nil, &s.key, uploadDir(u.Bucket, u.ID)+partsDir)
	if err != nil {
		return fmt.Errorf("name the record of part %d: %w", r.Number, err)
	}
	if err := s.putName(ctx, string(name)); err != nil {
		return fmt.Errorf("write the record of part %d: %w", r.Number, err)
	}
	return nil
}

// Parts returns the accepted attempts at the parts numbered above after, up to those of so many numbers, by number and
// in no order among those of one; more says that others follow. It costs a listing for a thousand attempts. A record
// that does not open is ErrRecord.
func (s *State) Parts(ctx context.Context, u *Upload, after, most int) (parts []Part, more bool, err error) {
	prefix := uploadDir(u.Bucket, u.ID) + partsDir
	start := ""
	if after > 0 {
		start = fmt.Sprintf("%s%05d%s", prefix, after, behindAll)
	}
	w := s.walk(prefix, start)
	for numbers, last := 0, 0; ; {
		o, err := w.next(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("list the parts of an upload: %w", err)
		}
		if o == nil {
			return parts, false, nil
		}
		r, err := crypto.ParsePartRecordName(&s.key, prefix, o.name)
		if err != nil {
			return nil, false, s.damaged(o.name)
		}
		if r.Number != last {
			if numbers == most {
				return parts, true, nil
			}
			numbers, last = numbers+1, r.Number
		}
		parts = append(parts, Part{PartRecord: *r, Accepted: o.modified})
	}
}

// StashName is the object in the state bucket that holds the sealed bytes of a stashed part.
func StashName(u *Upload, number int, salt [crypto.SaltSize]byte) string {
	return fmt.Sprintf("%s%s%05d-%s", uploadDir(u.Bucket, u.ID), stashDir, number, hex.EncodeToString(salt[:]))
}
