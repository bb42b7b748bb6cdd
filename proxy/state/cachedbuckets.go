package state

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
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

// made is what a reader has made of a bucket's policy. It is kept with the record while that is in the cache, and
// shared by all copies of the record.
type made struct {
	last atomic.Pointer[madeOf]
}

// madeOf is a value with what it was made of, since copies of a record may be changed.
type madeOf struct {
	arn, policy string
	directory   bool
	value       any
}

// Made returns what compute returns for the bucket's policy. It computes that once for as long as the record is in the
// cache and has this policy; for a record that never was in the cache, each time. compute depends on the policy, the
// ARN and the kind of bucket alone; an error isn't kept. A record has one such value: all callers mean the same by it.
func (b *Bucket) Made(compute func() (any, error)) (any, error) {
	if b.made != nil {
		if m := b.made.last.Load(); m != nil && m.policy == b.Policy && m.arn == b.ARN && m.directory == b.Directory {
			return m.value, nil
		}
	}
	value, err := compute()
	if err == nil && b.made != nil {
		b.made.last.Store(&madeOf{b.ARN, b.Policy, b.Directory, value})
	}
	return value, err
}

// Equal reports whether two records say the same.
func (b *Bucket) Equal(other *Bucket) bool {
	x, y := *b, *other
	x.made, y.made = nil, nil
	return reflect.DeepEqual(&x, &y)
}
