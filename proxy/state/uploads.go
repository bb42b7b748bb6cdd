package state

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sealfront/crypto"
)

// CreateUpload writes the record of a new upload.
func (s *State) CreateUpload(ctx context.Context, u Upload) error {
	u.State = UploadOpen
	name := uploadDir(u.Bucket, u.ID) + "upload"
	etag, err := s.write(ctx, name, &u, "")
	if err != nil {
		return err
	}
	s.uploads.Add(name, cachedUpload{u, etag, s.o.Now()})
	return nil
}

// Upload returns an upload's record, at most Options.CacheLife old. ErrNoUpload if there is none, or when it belongs
// to another bucket of the same name.
func (s *State) Upload(ctx context.Context, b *Bucket, id string) (*Upload, error) {
	if c, ok := s.uploads.Get(uploadDir(b.Name, id) + "upload"); ok && s.o.Now().Sub(c.read) < s.o.CacheLife &&
		c.upload.Incarnation == b.Incarnation {
		u := c.upload
		return &u, nil
	}
	return s.FreshUpload(ctx, b, id)
}

// FreshUpload reads the record from the store.
func (s *State) FreshUpload(ctx context.Context, b *Bucket, id string) (*Upload, error) {
	u, _, err := s.uploadRecord(ctx, b.Name, id)
	if err != nil {
		return nil, err
	}
	if u.Incarnation != b.Incarnation {
		return nil, ErrNoUpload
	}
	return u, nil
}

func (s *State) uploadRecord(ctx context.Context, bucket, id string) (*Upload, string, error) {
	return s.uploadByName(ctx, uploadDir(bucket, id)+"upload")
}

func (s *State) uploadByName(ctx context.Context, name string) (*Upload, string, error) {
	read := s.o.Now()
	var u Upload
	etag, err := s.read(ctx, name, &u)
	if errors.Is(err, fs.ErrNotExist) {
		s.uploads.Remove(name)
		return nil, "", ErrNoUpload
	}
	if err != nil {
		return nil, "", err
	}
	s.uploads.Add(name, cachedUpload{u, etag, read})
	return &u, etag, nil
}

// EndUpload marks an upload as completed or aborted and removes its part records and stashes; the record itself stays
// for a day. Part records go first: until they are gone the record still says that the upload is open. An upload that
// has ended already is left as it is.
func (s *State) EndUpload(ctx context.Context, u *Upload, state string, completion *Completion) error {
	if err := s.removeParts(ctx, uploadDir(u.Bucket, u.ID)); err != nil {
		return err
	}
	name := uploadDir(u.Bucket, u.ID) + "upload"
	for range 4 {
		now, etag, err := s.uploadByName(ctx, name)
		if err != nil {
			return err
		}
		if now.State != UploadOpen {
			return nil
		}
		now.State, now.Ended, now.Completion = state, s.o.Now().UTC(), completion
		etag, err = s.write(ctx, name, now, etag)
		if err == nil {
			s.uploads.Add(name, cachedUpload{*now, etag, s.o.Now()})
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("%w: the upload's record kept changing", ErrAborted)
}

func (s *State) removeParts(ctx context.Context, dir string) error {
	for _, prefix := range []string{dir + "parts/", dir + "stash/"} {
		err := s.each(ctx, prefix, func(name, _ string, _ int64,
			_ time.Time,
		) error {
			return s.objects.Delete(ctx, name)
		})
		if err != nil {
			return fmt.Errorf("remove the parts of an upload: %w", err)
		}
	}
	return nil
}

// A Part is an accepted attempt at a part.
type Part struct {
	crypto.PartRecord
	Accepted time.Time // the store's clock
}

// AddPart writes the record of an accepted attempt: one empty object, whose name says everything.
func (s *State) AddPart(ctx context.Context, u *Upload, r *crypto.PartRecord) error {
	name, err := r.AppendName(nil, &s.key, uploadDir(u.Bucket, u.ID)+"parts/")
	if err != nil {
		return fmt.Errorf("name the record of part %d: %w", r.Number, err)
	}
	if _, err := s.objects.Put(ctx, string(name), nil, "*"); err != nil {
		return fmt.Errorf("write the record of part %d: %w", r.Number, err)
	}
	return nil
}

// Parts returns all accepted attempts, by part number and in no order among those of one number. A record that does
// not open is ErrRecord.
func (s *State) Parts(ctx context.Context, u *Upload) ([]Part, error) {
	prefix := uploadDir(u.Bucket, u.ID) + "parts/"
	var parts []Part
	err := s.each(ctx, prefix, func(name, _ string, _ int64, modified time.Time) error {
		r, err := crypto.ParsePartRecordName(&s.key, prefix, name)
		if err != nil {
			if s.o.Damaged != nil {
				s.o.Damaged(name)
			}
			return fmt.Errorf("%w: %q", ErrRecord, name)
		}
		parts = append(parts, Part{PartRecord: *r, Accepted: modified})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the parts of an upload: %w", err)
	}
	return parts, nil
}

// StashName is the object in the state bucket that holds the sealed bytes of a stashed part.
func StashName(u *Upload, number int, salt [crypto.SaltSize]byte) string {
	return fmt.Sprintf("%sstash/%05d-%s", uploadDir(u.Bucket, u.ID), number, hex.EncodeToString(salt[:]))
}

// Uploads calls f for each open upload of a bucket until it returns false. It costs a request an upload, but for those
// that are known to have ended: what has ended stays so.
func (s *State) Uploads(ctx context.Context, b *Bucket, f func(*Upload) bool) error {
	stop := errors.New("enough")
	err := s.eachUpload(ctx, b.Name, func(name string) error {
		if c, ok := s.uploads.Peek(name); ok && c.upload.State != UploadOpen {
			return nil
		}
		u, _, err := s.uploadByName(ctx, name)
		switch {
		case errors.Is(err, ErrNoUpload):
			return nil
		case err != nil:
			return err
		case u.State == UploadOpen && u.Incarnation == b.Incarnation && !f(u):
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		return nil
	}
	return err
}

// eachUpload calls f with the name of each upload record of a bucket. Behind each page it skips over what is left of
// the last upload in it, so its cost is a listing for some hundred uploads, or one for an upload of many parts, not one
// per thousand parts.
func (s *State) eachUpload(ctx context.Context, bucket string, f func(name string) error) error {
	prefix := uploadPrefix + bucket + "/"
	start := ""
	for {
		var dirs []string
		_, err := s.objects.List(ctx, prefix, start, func(name, _ string, _ int64, _ time.Time) {
			hash, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "/")
			if dir := prefix + hash + "/"; len(dirs) == 0 || dirs[len(dirs)-1] != dir {
				dirs = append(dirs, dir)
			}
		})
		if err != nil {
			return fmt.Errorf("list the uploads of a bucket: %w", err)
		}
		if len(dirs) == 0 {
			return nil
		}
		for _, dir := range dirs {
			if err := f(dir + "upload"); err != nil {
				return err
			}
		}
		start = dirs[len(dirs)-1] + "~" // behind everything of this upload
	}
}
