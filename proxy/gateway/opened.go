package gateway

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
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

// open opens an object's envelope, as unwrap does, and finds its layout; for an object of several parts that takes its
// trailer. The caller wipes the secrets.
func (x *object) open(s *sealed, may func(keyARN string) error) (*opened, error) {
	secrets, err := x.unwrap(s.envelope, false, may)
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
	if k := x.in.layouts.get(name); k != nil && k.etag == o.etag && k.objectID == o.envelope.ObjectID && k.total == o.total {
		return k, nil
	}
	v, err, _ := x.in.loads.Do(name+"\n"+o.etag+"\n"+string(o.envelope.ObjectID[:]), func() (any, error) {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
		k := &knownLayout{etag: o.etag, objectID: o.envelope.ObjectID, total: o.total, layout: o.trailer.Layout(), checksum: o.trailer.Checksum}
		x.in.layouts.put(name, k)
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
			x.in.damaged("trailer")
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
	a, err := x.in.o.Store.Do(x.context, r)
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

// getAttempts is how often a read starts again when the object is overwritten under it.
const getAttempts = 3

// cover returns an answer that holds the segments of a range: the one there is, or, when an object's parts are not
// multiples of a segment and the first guess was wrong, another one for the same version of the object. The first is
// closed then, and on an error it is not.
func (x *object) cover(a *store.Answer, o *opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	if (crypto.Span{First: o.first, Last: o.last}).Covers(span) {
		return a, nil
	}
	again, err := x.readSpan(o, first, last)
	if err == nil {
		a.Close()
	}
	return again, err
}

func spanRange(s crypto.Span) string {
	return "bytes=" + strconv.FormatInt(s.First, 10) + "-" + strconv.FormatInt(s.Last, 10)
}

// storeRange is the Range header for the store that brings the segments of a range of an object whose length isn't
// known yet and whose parts but the last are multiples of a segment. The store cuts it off at its end.
func storeRange(r s3.Range) string {
	header := "bytes=" + strconv.FormatInt(r.First/crypto.SegmentSize*crypto.SealedSegmentSize, 10) + "-"
	if r.Last < math.MaxInt64/2 {
		header += strconv.FormatInt((r.Last/crypto.SegmentSize+1)*crypto.SealedSegmentSize-1, 10)
	}
	return header
}

// readSpan asks the store for the segments that hold the plaintext bytes first to last, of the version that o was read
// from, and notes in o which bytes came. The answer must be closed.
func (x *object) readSpan(o *opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	r := x.about("GetObject", "GET")
	r.Set("Range", spanRange(span))
	r.Set("If-Match", o.etag)
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	if f := a.Fault(r.Operation); f != nil {
		a.Close()
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return nil, errReplaced
		}
		return nil, storeError(f, x.bucket, x.key)
	}
	s, err := x.readSealed(a)
	if err == nil && (s.envelope.ObjectID != o.envelope.ObjectID || s.total != o.total) {
		err = errReplaced
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	o.first, o.last = s.first, s.last
	return a, nil
}

// again does something that reads an object once more when the object was replaced meanwhile.
func again(do func() error) (err error) {
	for range getAttempts {
		if err = do(); !errors.Is(err, errReplaced) {
			return err
		}
	}
	return err
}

// knowsChecksum reports whether checksumOf needs no request to the store.
func (o *opened) knowsChecksum() bool {
	return o.secrets.Checksum != nil || o.length == 0 || o.known != nil || o.trailer != nil
}

// checksumOf returns an object's checksum, nil if it has none, and the number of parts that a composite one is made of.
func (x *object) checksumOf(o *opened) (c *crypto.Checksum, parts int, err error) {
	c, parts = o.secrets.Checksum, 1
	if o.layout != nil {
		parts = o.layout.Parts()
	}
	switch {
	case c != nil || o.length == 0:
		return c, parts, nil
	case o.known != nil:
		return o.known.checksum, parts, nil
	}
	if o.trailer == nil {
		if err := x.loadTrailer(o); err != nil {
			return nil, 0, err
		}
	}
	return o.trailer.Checksum, parts, nil
}

// A part is one of an object's, as a read by its number finds it.
type part struct {
	first, last int64            // in the plaintext; last is first-1 for a part without bytes
	count       int              // parts of the object; 0 for an object that shows none
	checksum    *crypto.Checksum // of the part, where checksums of parts count; nil otherwise
}

// part finds a part by its number, with its checksum if that is wanted: rows RD-4 and RD-5. Numbers count the object's
// parts from 1, whatever numbers they were uploaded with. A copy shows no parts: it is one.
func (x *object) part(o *opened, number int, checksum bool) (*part, error) {
	count := 1
	shown := o.showsParts()
	if shown {
		count = o.layout.Parts()
	}
	switch {
	case number > count:
		return nil, s3.Refuse("InvalidPartNumber", "The requested partnumber is not satisfiable",
			"ActualPartCount", strconv.Itoa(count), "PartNumberRequested", strconv.Itoa(number))
	case !shown:
		return &part{last: o.length - 1}, nil
	}
	placed := o.layout.Part(number - 1)
	p := &part{first: placed.Plain, last: placed.Plain + placed.Length - 1, count: count}
	if checksum {
		t, err := x.trailerOf(o)
		if err != nil {
			return nil, err
		}
		if c := t.Checksum; c != nil && c.Type == crypto.Composite {
			p.checksum = t.Parts[number-1].Checksum()
		} // otherwise it was made to be combined, and is none of the full object
	}
	return p, nil
}

// showsParts reports whether clients see the parts of which the object was made.
func (o *opened) showsParts() bool {
	return o.envelope.Multipart && !o.envelope.Copied && o.layout != nil
}

// trailerOf returns the object's trailer.
func (x *object) trailerOf(o *opened) (*crypto.Trailer, error) {
	if o.trailer == nil {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
	}
	return o.trailer, nil
}
