package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sealfront/crypto"
)

// CreateUpload writes the record of a new upload and then gives it the name that is listed: a name without a record is
// what a creation has left that failed. After an error it removes both. Should that fail too, or a write take effect
// later, the janitor finds that the store has no such upload, and an Abort finds the name (StrayUpload).
func (s *State) CreateUpload(ctx context.Context, u Upload) error {
	u.State = UploadOpen
	record, name := uploadDir(u.Bucket, u.ID)+uploadRecord, s.openName(&u)
	etag, err := s.writeUpload(ctx, record, &u, "")
	if err == nil {
		if err = s.putName(ctx, name); err != nil {
			err = fmt.Errorf("name the upload: %w", err)
		}
	}
	if err != nil {
		_ = s.objects.DeleteAll(ctx, []string{name, record}) // nobody knows the upload's id
		return err
	}
	s.uploads.Add(record, cachedUpload{u, etag, s.o.Now()})
	return nil
}

// endedRecord is what the length of a record is a multiple of once its upload has ended, and only then: so a listing
// says which uploads have. Earlier releases wrote records of any length.
const endedRecord = 1024

// ended reports whether an upload's record has the length of an ended one.
func ended(size int64) bool { return size > 0 && size%endedRecord == 0 }

// writeUpload is write for the record of an upload, which it gives its length: white space behind JSON says nothing.
func (s *State) writeUpload(ctx context.Context, name string, u *Upload, ifMatch string) (etag string, err error) {
	plain, err := json.Marshal(u)
	if err != nil {
		return "", fmt.Errorf("write the record %q: %w", name, err)
	}
	over := (len(plain) + crypto.RecordOverhead) % endedRecord
	switch {
	case u.State == UploadOpen && over == 0:
		plain = append(plain, ' ')
	case u.State != UploadOpen && over > 0:
		plain = append(plain, bytes.Repeat([]byte{' '}, endedRecord-over)...)
	}
	return s.writePlain(ctx, name, plain, ifMatch)
}

// Upload returns an upload's record, at most Options.CacheLife old. ErrNoUpload if there is none, or when it belongs
// to another bucket of the same name.
func (s *State) Upload(ctx context.Context, b *Bucket, id string) (*Upload, error) {
	if c, ok := s.uploads.Get(uploadDir(b.Name, id) + uploadRecord); ok && s.o.Now().Sub(c.read) < s.o.CacheLife &&
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
	return s.uploadByName(ctx, uploadDir(bucket, id)+uploadRecord)
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

// EndUpload marks an upload as completed or aborted, which takes it from listings; the record itself stays for a day.
// Its part records and stashes are removed behind the caller's back: see removals. An upload that has ended already is
// left as it is.
func (s *State) EndUpload(ctx context.Context, u *Upload, state string, completion *Completion) error {
	record := uploadDir(u.Bucket, u.ID) + uploadRecord
	for range 4 {
		now, etag, err := s.cachedOrRead(ctx, record)
		if err != nil {
			return err
		}
		if now.State != UploadOpen {
			return s.unname(ctx, now) // whoever ended it may not have come to that
		}
		now.State, now.Ended, now.Completion = state, s.o.Now().UTC(), completion
		etag, err = s.writeUpload(ctx, record, now, etag)
		if err == nil {
			s.uploads.Add(record, cachedUpload{*now, etag, s.o.Now()})
			s.removals.add(func(ctx context.Context) error { return s.removeParts(ctx, uploadDir(u.Bucket, u.ID)) })
			// Only now: who names the upload meanwhile reads the record afterwards (nameUpload).
			return s.unname(ctx, now)
		}
		s.uploads.Remove(record)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("%w: the upload's record kept changing", ErrAborted)
}

// unname takes an upload that has ended from listings.
func (s *State) unname(ctx context.Context, u *Upload) error {
	if err := s.objects.Delete(ctx, s.openName(u)); err != nil {
		return fmt.Errorf("remove the name of an upload that has ended: %w", err)
	}
	return nil
}

// cachedOrRead returns an upload's record with the ETag that it had when it was read, however long ago: for a change
// that is bound to it.
func (s *State) cachedOrRead(ctx context.Context, record string) (*Upload, string, error) {
	if c, ok := s.uploads.Get(record); ok && c.upload.State == UploadOpen {
		u := c.upload
		return &u, c.etag, nil
	}
	return s.uploadByName(ctx, record)
}

// removeParts removes the part records and stashes of an upload.
func (s *State) removeParts(ctx context.Context, dir string) error {
	for _, prefix := range []string{dir + partsDir, dir + stashDir} {
		if err := s.removeAll(ctx, prefix, nil); err != nil {
			return fmt.Errorf("remove the parts of an upload: %w", err)
		}
	}
	return nil
}
