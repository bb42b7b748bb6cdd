package state

import (
	"context"
	"errors"
	"time"
)

// Bucket returns the bucket's record, at most Options.CacheLife old. ErrNoBucket if there is none; where many requests
// name a bucket that doesn't exist, that may be a second old.
func (s *State) Bucket(ctx context.Context, name string) (*Bucket, error) {
	now := s.o.Now()
	if c, ok := s.buckets.Get(name); ok && now.Sub(c.read) < s.o.CacheLife {
		return &c.bucket, nil
	}
	if read, ok := s.absent.Get(name); ok && now.Sub(read) < rereadEvery && !s.rereads.take(name, now) {
		return nil, ErrNoBucket
	}
	return s.FreshBucket(ctx, name)
}

// RecentBucket returns the record for a request that would be refused by the one that Bucket returned. It reads it from
// the store, as FreshBucket does, unless that happened several times lately: requests that are refused read a bucket's
// record four times at once, and then once a second. The read of what it returns began less than a second before the
// call.
func (s *State) RecentBucket(ctx context.Context, name string) (*Bucket, error) {
	now := s.o.Now()
	if !s.rereads.take(name, now) {
		if c, ok := s.buckets.Get(name); ok && now.Sub(c.read) < rereadEvery {
			return &c.bucket, nil
		}
		if read, ok := s.absent.Get(name); ok && now.Sub(read) < rereadEvery {
			return nil, ErrNoBucket
		}
	}
	return s.FreshBucket(ctx, name)
}

// FreshBucket reads the record from the store. Requests for one name at the same time share a read, but for one that
// began a second ago or more, as it may have at a store that answers late.
func (s *State) FreshBucket(ctx context.Context, name string) (*Bucket, error) {
	called := s.o.Now()
	for {
		v, _, _ := s.flight.Do(name, func() (any, error) { return s.readBucket(ctx, name), nil })
		r := v.(bucketRead)
		if called.Sub(r.began) >= rereadEvery {
			continue // the next one begins after the call
		}
		if r.err != nil {
			return nil, r.err
		}
		b := *r.bucket
		return &b, nil
	}
}

// bucketRead is what reading a record returned, and when that began.
type bucketRead struct {
	bucket *Bucket
	err    error
	began  time.Time
}

// readBucket reads a record and the revocations, for all who wait for it: it doesn't end with the first one's request.
func (s *State) readBucket(ctx context.Context, name string) bucketRead {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := s.readRevocations(ctx); err != nil {
		return bucketRead{nil, err, s.o.Now()}
	}
	began, changes := s.o.Now(), s.changes.Load()
	b, _, err := s.bucketRecord(ctx, name)
	unchanged := s.changes.Load() == changes // otherwise it may be older than what this replica has written meanwhile
	if err != nil {
		s.buckets.Remove(name)
		if unchanged && errors.Is(err, ErrNoBucket) {
			s.absent.Add(name, began)
		}
		return bucketRead{nil, err, began}
	}
	if unchanged {
		c := &cachedBucket{bucket: *b, read: began}
		s.buckets.Add(name, c)
		b = &c.bucket
	}
	return bucketRead{b, nil, began}
}
