package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
)

// opened is an object whose envelope has been opened.
type opened struct {
	*sealed
	secrets crypto.Secrets
	length  int64
	layout  *crypto.Layout  // nil for an empty object
	trailer *crypto.Trailer // nil as long as nothing needed it
	known   *knownLayout    // of an object of several parts
}

// open opens an object's envelope and finds its layout; for an object of several parts that takes its trailer.
// The caller wipes the secrets.
func (x *exchange) open(s *sealed) (*opened, error) {
	secrets, err := x.unwrap(s.envelope)
	if err != nil {
		return nil, err
	}
	return x.layOut(s, secrets)
}

// layOut finds where an object's plaintext lies. It owns the secrets, also when it fails.
func (x *object) layOut(s *sealed, secrets crypto.Secrets) (o *opened, err error) {
	o = &opened{sealed: s, secrets: secrets}
	defer func() {
		if err != nil {
			secrets.Wipe()
		}
	}()
	if o.length, err = x.plainLength(s); err != nil {
		return nil, err
	}
	if secrets.HasLength && secrets.Length != o.length {
		return nil, x.damage("length", "it was sealed with %d bytes, and the store holds %d", secrets.Length, o.length)
	}
	switch {
	case o.length == 0:
	case !s.envelope.Multipart:
		o.layout = crypto.SinglePart(o.length, s.envelope.PartSalt)
	default:
		if o.known, err = x.knownLayout(o); err != nil {
			return nil, err
		}
		o.layout = o.known.layout
	}
	return o, nil
}

// knownLayout finds the layout of an object of several parts: in the cache, else in its trailer. Requests for one
// object at the same time, as transfer managers send them, share a load.
func (x *object) knownLayout(o *opened) (*knownLayout, error) {
	name := x.layoutName()
	if k := x.g.layouts.get(name); k != nil && k.etag == o.etag && k.objectID == o.envelope.ObjectID && k.total == o.total {
		return k, nil
	}
	v, err, _ := x.g.loads.Do(name+"\n"+o.etag+"\n"+string(o.envelope.ObjectID[:]), func() (any, error) {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
		k := &knownLayout{etag: o.etag, objectID: o.envelope.ObjectID, total: o.total, layout: o.trailer.Layout(), checksum: o.trailer.Checksum}
		x.g.layouts.put(name, k)
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	k := v.(*knownLayout)
	if k.total != o.total {
		return nil, errReplaced
	}
	return k, nil
}

// loadTrailer reads and opens the object's trailer, from the same version of the object as the envelope.
func (x *object) loadTrailer(o *opened) error {
	want := crypto.EndLength(o.total)
	for {
		end, err := x.readEnd(o.sealed, want)
		if err != nil {
			return err
		}
		t, need, err := o.secrets.DataKey.OpenTrailer(&o.envelope.ObjectID, o.total, end)
		if err != nil {
			x.g.damaged("trailer")
			return fmt.Errorf("open the trailer of %s/%s: %w", x.bucket, x.key, err)
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
func (x *object) readEnd(s *sealed, n int64) ([]byte, error) {
	r := x.about("GetObject", "GET")
	r.Set("Range", "bytes="+strconv.FormatInt(max(0, s.total-n), 10)+"-"+strconv.FormatInt(s.total-1, 10))
	r.Set("If-Match", s.etag)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return nil, errReplaced
		}
		return nil, storeError(f, x.bucket, x.key)
	}
	// The ETag that s has may be newer than its metadata: some stores put them together one by one.
	if now, err := x.readSealed(a); err != nil || now.envelope.ObjectID != s.envelope.ObjectID {
		return nil, errReplaced
	}
	if a.ContentLength() != min(n, s.total) {
		return nil, s3.Internal(fmt.Errorf("the store answered %d bytes for the last %d", a.ContentLength(), n))
	}
	return a.Bytes(int(n))
}

// errReplaced means that the object was overwritten between two requests to the store.
var errReplaced = s3.Unavailable(errors.New("the object was replaced while it was read"))

// showChecksum shows the object's checksum: from the envelope, else from the trailer.
func (x *exchange) showChecksum(o *opened) error {
	c := o.secrets.Checksum
	parts := 1
	if o.known != nil {
		parts = o.known.layout.Parts()
		if c == nil { // that of a copy is in its envelope
			c = o.known.checksum
		}
	} else if c == nil && o.length > 0 {
		if o.trailer == nil {
			if !x.g.o.ChecksumOnGet && x.operation == policy.GetObject {
				return nil
			}
			if err := x.loadTrailer(o); err != nil {
				return err
			}
		}
		c = o.trailer.Checksum
	}
	if c == nil {
		return nil
	}
	value := s3.ChecksumText(c)
	if c.Type == crypto.Composite {
		value += "-" + strconv.Itoa(parts)
	}
	h := &x.ctx.Response.Header
	h.Set(s3.ChecksumOf(c.Algorithm).Header, value)
	h.Set("x-amz-checksum-type", s3.ChecksumType(c.Type))
	return nil
}

func checksumWanted(x *exchange) bool {
	return strings.EqualFold(x.headerValue("x-amz-checksum-mode"), "ENABLED")
}
