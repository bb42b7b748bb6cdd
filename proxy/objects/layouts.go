package objects

import (
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// layoutName is the cache's key: bucket ARN, version and object key. The first two have no line breaks.
func (x *Object) layoutName() string { return x.Facts.ARN + "\n" + x.Version + "\n" + x.Key }

// HasLayout reports whether the object is known to have several parts, and where they lie.
func (x *Object) HasLayout() bool { return x.Objects.layouts.get(x.layoutName()) != nil }

// ForgetLayout drops the cached layout: the object was replaced meanwhile.
func (x *Object) ForgetLayout() { x.Objects.layouts.drop(x.layoutName()) }

// SetRange puts onto a request that reads the object which stored bytes hold a range of its plaintext: by its layout,
// if that is known and the request is bound to no version yet, and otherwise as if all parts were multiples of a
// segment.
func (x *Object) SetRange(r *store.Request, requested s3.Range) error {
	if cached := x.Objects.layouts.get(x.layoutName()); cached != nil && len(r.Header) == 0 {
		if first, last, ok := requested.Resolve(cached.layout.Length()); ok {
			span, err := cached.layout.Span(first, last)
			if err != nil {
				return err
			}
			r.Set("Range", spanRange(span))
			r.Set("If-Match", cached.etag)
			return nil
		}
	}
	r.Set("Range", storeRange(requested))
	return nil
}
