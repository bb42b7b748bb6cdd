package objects

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
)

// loadTrailer reads and opens the object's trailer, from the same version of the object as the envelope.
func (x *Object) loadTrailer(ctx context.Context, o *Opened) error {
	want := crypto.EndLength(o.total)
	for {
		end, err := x.readEnd(ctx, o.Sealed, want)
		if err != nil {
			return err
		}
		t, need, err := o.Secrets.DataKey.OpenTrailer(&o.Envelope.ObjectID, o.total, end)
		if err != nil {
			x.Objects.Damaged("trailer")
			return fmt.Errorf("open the trailer of %s/%s: %w", x.Bucket, x.Key, err)
		}
		if t != nil {
			o.trailer = t
			return nil
		}
		if need <= want {
			return x.damage("trailer", "its trailer asks for %d bytes twice", need)
		}
		want = need
	}
}

// readEnd reads the last n bytes of the object as it was when s was read.
func (x *Object) readEnd(ctx context.Context, s *Sealed, n int64) ([]byte, error) {
	r := x.NewRequest("GetObject", "GET")
	r.Set("Range", "bytes="+strconv.FormatInt(max(0, s.total-n), 10)+"-"+strconv.FormatInt(s.total-1, 10))
	r.Set("If-Match", s.ETag)
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return nil, ErrReplaced
		}
		return nil, StoreError(f, x.Bucket, x.Key)
	}
	// The ETag that s has may be newer than its metadata: some stores put them together one by one.
	if now, err := x.ReadSealed(a); err != nil || now.Envelope.ObjectID != s.Envelope.ObjectID {
		return nil, ErrReplaced
	}
	if a.ContentLength() != min(n, s.total) {
		return nil, s3.Internal(fmt.Errorf("the store answered %d bytes for the last %d", a.ContentLength(), n))
	}
	return a.Bytes(int(n))
}

// KnowsChecksum reports whether checksumOf needs no request to the store.
func (o *Opened) KnowsChecksum() bool {
	return o.Secrets.Checksum != nil || o.Length == 0 || o.known != nil || o.trailer != nil
}

// ChecksumOf returns an object's checksum, nil if it has none, and the number of parts that a composite one is made of.
func (x *Object) ChecksumOf(ctx context.Context, o *Opened) (c *crypto.Checksum, parts int, err error) {
	c, parts = o.Secrets.Checksum, 1
	if o.layout != nil {
		parts = o.layout.Parts()
	}
	switch {
	case c != nil || o.Length == 0:
		return c, parts, nil
	case o.known != nil:
		return o.known.checksum, parts, nil
	}
	if o.trailer == nil {
		if err := x.loadTrailer(ctx, o); err != nil {
			return nil, 0, err
		}
	}
	return o.trailer.Checksum, parts, nil
}

// TrailerOf returns the object's trailer.
func (x *Object) TrailerOf(ctx context.Context, o *Opened) (*crypto.Trailer, error) {
	if o.trailer == nil {
		if err := x.loadTrailer(ctx, o); err != nil {
			return nil, err
		}
	}
	return o.trailer, nil
}
