package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// bucketRecord reads the record of an active bucket.
func (s *State) bucketRecord(ctx context.Context, name string) (*Bucket, string, error) {
	var b Bucket
	etag, err := s.read(ctx, bucketPrefix+name, &b)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNoBucket
	}
	if err != nil {
		return nil, "", err
	}
	if b.State != active {
		if b.State == deleted {
			s.noteTombstone(name, etag)
		}
		return nil, "", ErrNoBucket
	}
	return &b, etag, nil
}

// CreateBucket makes a bucket: its record, then by make the store's bucket, then the record active. A crash in
// between leaves a record without effect, which the next CreateBucket takes up. ErrBucketExists comes with the
// existing record. ErrAborted while a deleted bucket of that name may still be in some replica's cache: see
// tombstones.go.
func (s *State) CreateBucket(ctx context.Context, b Bucket, makeBucket func(context.Context) error) (*Bucket, error) {
	name := bucketPrefix + b.Name
	var old Bucket
	ifMatch, err := s.read(ctx, name, &old)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case old.State == active:
		return &old, ErrBucketExists
	case old.State == deleted && !s.o.Alone && !s.outlived(s.noteTombstone(b.Name, ifMatch)):
		return nil, ErrAborted
	}
	var id [16]byte
	rand.Read(id[:])
	b.Incarnation = hex.EncodeToString(id[:])
	b.Created = s.o.Now().UTC().Truncate(time.Millisecond)
	b.State = creating
	etag, err := s.write(ctx, name, &b, ifMatch)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrAborted
	}
	if err != nil {
		return nil, err
	}
	if err := makeBucket(ctx); err != nil {
		return nil, err
	}
	b.State = active
	etag, err = s.write(ctx, name, &b, etag)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrAborted
	}
	if err != nil {
		return nil, err
	}
	before := &old // the name's, if it was used before
	if ifMatch == "" {
		before = nil
	}
	s.nameBucket(ctx, &b, etag, before, ifMatch)
	s.tombstones.Remove(b.Name)
	s.changes.Add(1)
	s.buckets.Add(b.Name, &cachedBucket{bucket: b, read: s.o.Now()})
	return &b, nil
}

// UpdateBucket changes a bucket's record by compare and swap: change gets the record as it is now and may be
// called again when another replica was faster. An error of change ends it and is returned.
func (s *State) UpdateBucket(ctx context.Context, name string, change func(*Bucket) error) (*Bucket, error) {
	for range 8 {
		b, etag, err := s.bucketRecord(ctx, name)
		if err != nil {
			return nil, err
		}
		before, etagBefore := *b, etag
		if err := change(b); err != nil {
			return nil, err
		}
		etag, err = s.write(ctx, bucketPrefix+name, b, etag)
		if err == nil {
			s.nameBucket(ctx, b, etag, &before, etagBefore)
			s.changes.Add(1)
			if b.State != active {
				s.buckets.Remove(name)
				s.noteTombstone(name, etag)
				return b, nil
			}
			s.buckets.Add(name, &cachedBucket{bucket: *b, read: s.o.Now()})
			return b, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the record of %q kept changing", ErrAborted, name)
}

// DeleteBucket removes the store's bucket by remove and leaves a tombstone, or with Options.Alone the free name. An
// error of remove leaves the bucket as it was.
func (s *State) DeleteBucket(ctx context.Context, name string, remove func(context.Context, *Bucket) error) error {
	b, _, err := s.bucketRecord(ctx, name)
	if err != nil {
		return err
	}
	if err := remove(ctx, b); err != nil {
		return err
	}
	_, err = s.UpdateBucket(ctx, name, func(b *Bucket) error {
		b.State, b.Deleted = deleted, s.o.Now()
		if s.o.Alone {
			b.State = free
		}
		return nil
	})
	return err
}
