package state

import (
	"reflect"
	"sync/atomic"
)

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
