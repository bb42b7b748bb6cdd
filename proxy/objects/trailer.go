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
func (x *Object) loadTrailer(ctx context.Context, o *Opened) (err error) {
	o.trailer, err = x.openTrailer(o.Sealed, &o.Secrets.DataKey, crypto.EndLength(o.total), func(n int64) ([]byte, error) {
		return x.readEnd(ctx, o.Sealed, n)
	})
	return err
}

// openTrailer opens the trailer of an object that isn't empty, and by that shows that envelope and body belong
// together. end returns the last n stored bytes, which are opened in place; it is called with want first, and with more
// if the trailer is longer.
func (x *Object) openTrailer(
	s *Sealed, key *crypto.DataKey, want int64, end func(n int64) ([]byte, error),
) (*crypto.Trailer, error) {
	for {
		b, err := end(want)
		if err != nil {
			return nil, err
		}
		t, need, err := key.OpenTrailer(&s.Envelope.ObjectID, s.total, b)
		switch {
		case err != nil:
			return nil, x.badTrailer(err)
		case t != nil:
			if err := x.checkParts(s, t); err != nil {
				return nil, err
			}
			return t, nil
		case need <= want:
			return nil, x.damage("trailer", "its trailer requests %d bytes twice", need)
		}
		want = need
	}
}

// badTrailer is a trailer that doesn't open.
func (x *Object) badTrailer(err error) error {
	return x.damaged("trailer", err.Error(), fmt.Errorf("open the trailer of %s/%s: %w", x.Bucket, x.Key, err))
}

// checkParts refuses a trailer of another part than the one that the envelope of an object of one part names.
func (x *Object) checkParts(s *Sealed, t *crypto.Trailer) error {
	if !s.Envelope.Multipart && (len(t.Parts) != 1 || t.Parts[0].Salt != s.Envelope.PartSalt) {
		return x.damage("trailer", "its trailer is that of another part than its envelope names")
	}
	return nil
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
	// The ETag that s has may be newer than its metadata: some stores read them in separate steps.
	if now, err := x.ReadSealed(a); err != nil || now.Envelope.ObjectID != s.Envelope.ObjectID {
		return nil, ErrReplaced
	}
	if a.ContentLength() != min(n, s.total) {
		return nil, s3.Internal(fmt.Errorf("the store answered %d bytes for the last %d", a.ContentLength(), n))
	}
	return a.Bytes(int(n))
}

// HasChecksum reports whether checksumOf needs no request to the store.
func (o *Opened) HasChecksum() bool {
	return o.Secrets.Checksum != nil || o.Length == 0 || o.cached != nil || o.trailer != nil
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
	case o.cached != nil:
		return o.cached.checksum, parts, nil
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
