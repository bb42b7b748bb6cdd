package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// RenameLife is how long the token of a RenameObject is remembered.
const RenameLife = 10 * time.Minute

const renamePrefix = "renames/"

// A Rename is what a client's token of RenameObject stands for. It is written before the rename begins, so that a
// request that is repeated after a crash is recognised, and once more when it is done.
type Rename struct {
	Parameters []byte    `json:"parameters"`     // a hash of what was asked for
	Salt       []byte    `json:"salt,omitempty"` // wrap salt of the envelope that the object has under its new name
	Done       bool      `json:"done,omitempty"`
	Began      time.Time `json:"began"`

	etag string // of the record; "" when there is none yet
}

func renameName(b *Bucket, principal, token string) string {
	sum := sha256.Sum256([]byte(b.Incarnation + "\n" + principal + "\n" + token))
	return renamePrefix + b.Name + "/" + hex.EncodeToString(sum[:])
}

// Rename returns what is remembered of a token. Of one that is unknown, or was forgotten, Parameters are nil.
func (s *State) Rename(ctx context.Context, b *Bucket, principal, token string) (*Rename, error) {
	var r Rename
	etag, err := s.read(ctx, renameName(b, principal, token), &r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Rename{}, nil
	case err != nil:
		return nil, err
	case s.o.Now().Sub(r.Began) > RenameLife:
		return &Rename{etag: etag}, nil
	}
	r.etag = etag
	return &r, nil
}

// KeepRename writes r, which comes from Rename or an earlier KeepRename, and sets Began the first time. ErrAborted when
// another request with this token was faster.
func (s *State) KeepRename(ctx context.Context, b *Bucket, principal, token string, r *Rename) error {
	if r.Began.IsZero() {
		r.Began = s.o.Now().UTC()
	}
	etag, err := s.write(ctx, renameName(b, principal, token), r, r.etag)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: another rename with this token is at work", ErrAborted)
	}
	if err != nil {
		return err
	}
	r.etag = etag
	return nil
}

// SweepRenames removes tokens that were forgotten a while ago.
func (s *State) SweepRenames(ctx context.Context) error {
	err := s.removeAll(ctx, renamePrefix, func(o *listed) bool {
		return s.o.Now().Sub(o.modified) >= 2*RenameLife
	})
	if err != nil {
		return fmt.Errorf("remove the tokens of renames: %w", err)
	}
	return nil
}
