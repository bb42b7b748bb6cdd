package state

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// A replica may act on a bucket's record for CacheLife after the bucket was deleted elsewhere. So a deletion leaves a
// tombstone, and no bucket of that name is made before every cache has let go of the old one. How old a tombstone is,
// no replica computes from another one's clock: it counts from when it found this very tombstone, by its own monotonic
// clock. The replica that has deleted the bucket found it first, and marks the name free for all when the time has
// passed (FreeNames); if it is gone, another one that came upon the tombstone does.

// noteTombstone returns when this replica found the tombstone first, which may be now.
func (s *State) noteTombstone(name, etag string) time.Time {
	now := s.o.Now()
	if t, ok := s.tombstones.Get(name); ok && t.etag == etag {
		return t.found
	}
	s.tombstones.Add(name, tombstone{etag: etag, found: now})
	return now
}

// outlived reports whether no replica can have the deleted bucket in its cache any more: who read it before the
// deletion has let go of it after CacheLife, who read it at the same time soon afterwards.
func (s *State) outlived(found time.Time) bool { return s.o.Now().Sub(found) >= 2*s.o.CacheLife }

// FreeNames marks the names of deleted buckets free that no replica has in its cache any more, as far as this replica
// knows of them. It costs nothing while there are none. Call it every CacheLife or so.
func (s *State) FreeNames(ctx context.Context) error {
	var errs []error
	for _, name := range s.tombstones.Keys() {
		t, ok := s.tombstones.Peek(name)
		if !ok || !s.outlived(t.found) {
			continue
		}
		if err := s.freeName(ctx, name, t); err != nil {
			errs = append(errs, err)
			continue
		}
		s.tombstones.Remove(name)
	}
	return errors.Join(errs...)
}

// freeName marks one name free, unless its record has changed.
func (s *State) freeName(ctx context.Context, name string, t tombstone) error {
	var b Bucket
	etag, err := s.read(ctx, bucketPrefix+name, &b)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (etag != t.etag || b.State != deleted) {
		return nil
	}
	if err != nil {
		return err
	}
	before := b
	b.State = free
	freed, err := s.write(ctx, bucketPrefix+name, &b, etag)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.nameBucket(ctx, &b, freed, &before, etag)
	return nil
}
