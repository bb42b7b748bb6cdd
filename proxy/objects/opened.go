package objects

import (
	"context"
	"net/http"

	"sealfront/crypto"
	"sealfront/proxy/store"
)

// Opened is an object whose envelope has been opened.
type Opened struct {
	*Sealed
	Secrets crypto.Secrets
	Length  int64
	layout  *crypto.Layout  // nil for an empty object
	trailer *crypto.Trailer // nil until it is needed
	cached  *cachedLayout   // of an object of several parts
}

// Layout is where the object's plaintext lies; nil for an empty object.
func (o *Opened) Layout() *crypto.Layout { return o.layout }

// Trailer is the object's trailer; nil for an empty object, and until it is needed.
func (o *Opened) Trailer() *crypto.Trailer { return o.trailer }

// Open opens an object's envelope, as unwrap does, and finds its layout; for an object of several parts that takes its
// trailer. The caller wipes the secrets.
func (x *Object) Open(ctx context.Context, s *Sealed, may func(keyARN string) error) (*Opened, error) {
	secrets, err := x.Unwrap(ctx, s.Envelope, false, may)
	if err != nil {
		return nil, err
	}
	return x.layOut(ctx, s, secrets, nil)
}

// layOut finds where an object's plaintext lies: by its trailer, which is nil until it is opened. It owns
// the secrets, also when it fails.
func (x *Object) layOut(
	ctx context.Context, s *Sealed, secrets crypto.Secrets, trailer *crypto.Trailer,
) (o *Opened, err error) {
	o = &Opened{Sealed: s, Secrets: secrets, trailer: trailer}
	defer func() {
		if err != nil {
			secrets.Wipe()
		}
	}()
	if o.Length, err = x.PlainLength(s); err != nil {
		return nil, err
	}
	if secrets.HasLength && secrets.Length != o.Length {
		return nil, x.damage("length", "it was sealed with %d bytes, and the store holds %d", secrets.Length, o.Length)
	}
	switch {
	case o.Length == 0:
	case !s.Envelope.Multipart:
		o.layout = crypto.SinglePart(o.Length, s.Envelope.PartSalt)
	case trailer != nil:
		o.layout = trailer.Layout()
	default:
		if o.cached, err = x.findLayout(ctx, o); err != nil {
			return nil, err
		}
		o.layout = o.cached.layout
	}
	return o, nil
}

// findLayout finds the layout of an object of several parts: in the cache, otherwise in its trailer. Simultaneous
// requests for one object, as transfer managers send them, share a load.
func (x *Object) findLayout(ctx context.Context, o *Opened) (*cachedLayout, error) {
	name := x.layoutName()
	if k := x.Objects.layouts.get(name); k != nil && k.etag == o.ETag && k.objectID == o.Envelope.ObjectID &&
		k.total == o.total {
		return k, nil
	}
	v, err, _ := x.Objects.loads.Do(name+"\n"+o.ETag+"\n"+string(o.Envelope.ObjectID[:]), func() (any, error) {
		// The load is shared: it must not end with the first one who wanted it.
		if err := x.loadTrailer(context.WithoutCancel(ctx), o); err != nil {
			return nil, err
		}
		k := &cachedLayout{
			etag: o.ETag, objectID: o.Envelope.ObjectID, total: o.total, layout: o.trailer.Layout(),
			checksum: o.trailer.Checksum,
		}
		x.Objects.layouts.put(name, k)
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	k := v.(*cachedLayout)
	if k.total != o.total {
		return nil, ErrReplaced
	}
	return k, nil
}

// CoverRange returns an answer that holds the segments of a range: the one there is, or, when an object's parts are not
// multiples of a segment and the first guess was wrong, another one for the same version of the object. The first is
// closed then, and on an error it is not.
func (x *Object) CoverRange(ctx context.Context, a *store.Answer, o *Opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	if (crypto.Span{First: o.first, Last: o.last}).Covers(span) {
		return a, nil
	}
	again, err := x.ReadSpan(ctx, o, first, last)
	if err == nil {
		a.Close()
	}
	return again, err
}

// ReadSpan requests from the store the segments that hold the plaintext bytes first to last, of the version that o was
// read from, and records in o which bytes it got. The answer must be closed.
func (x *Object) ReadSpan(ctx context.Context, o *Opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	r := x.NewRequest("GetObject", "GET")
	r.Set("Range", spanRange(span))
	r.Set("If-Match", o.ETag)
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if f := a.Fault(r.Operation); f != nil {
		a.Close()
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return nil, ErrReplaced
		}
		return nil, StoreError(f, x.Bucket, x.Key)
	}
	s, err := x.ReadSealed(a)
	if err == nil && (s.Envelope.ObjectID != o.Envelope.ObjectID || s.total != o.total) {
		err = ErrReplaced
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	o.first, o.last = s.first, s.last
	return a, nil
}
