package objects

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

// Opened is an object whose envelope has been opened.
type Opened struct {
	*Sealed
	Secrets crypto.Secrets
	Length  int64
	layout  *crypto.Layout  // nil for an empty object
	trailer *crypto.Trailer // nil as long as nothing needed it
	known   *knownLayout    // of an object of several parts
}

// Open opens an object's envelope, as unwrap does, and finds its layout; for an object of several parts that takes its
// trailer. The caller wipes the secrets.
func (x *Object) Open(s *Sealed, may func(keyARN string) error) (*Opened, error) {
	secrets, err := x.Unwrap(s.Envelope, false, may)
	if err != nil {
		return nil, err
	}
	return x.layOut(s, secrets)
}

// layOut finds where an object's plaintext lies. It owns the secrets, also when it fails.
func (x *Object) layOut(s *Sealed, secrets crypto.Secrets) (o *Opened, err error) {
	o = &Opened{Sealed: s, Secrets: secrets}
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
func (x *Object) knownLayout(o *Opened) (*knownLayout, error) {
	name := x.layoutName()
	if k := x.Objects.layouts.get(name); k != nil && k.etag == o.ETag && k.objectID == o.Envelope.ObjectID && k.total == o.total {
		return k, nil
	}
	v, err, _ := x.Objects.loads.Do(name+"\n"+o.ETag+"\n"+string(o.Envelope.ObjectID[:]), func() (any, error) {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
		k := &knownLayout{etag: o.ETag, objectID: o.Envelope.ObjectID, total: o.total, layout: o.trailer.Layout(), checksum: o.trailer.Checksum}
		x.Objects.layouts.put(name, k)
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	k := v.(*knownLayout)
	if k.total != o.total {
		return nil, ErrReplaced
	}
	return k, nil
}

// loadTrailer reads and opens the object's trailer, from the same version of the object as the envelope.
func (x *Object) loadTrailer(o *Opened) error {
	want := crypto.EndLength(o.total)
	for {
		end, err := x.readEnd(o.Sealed, want)
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
func (x *Object) readEnd(s *Sealed, n int64) ([]byte, error) {
	r := x.NewRequest("GetObject", "GET")
	r.Set("Range", "bytes="+strconv.FormatInt(max(0, s.total-n), 10)+"-"+strconv.FormatInt(s.total-1, 10))
	r.Set("If-Match", s.ETag)
	a, err := x.Objects.o.Store.Do(x.Context, r)
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

// ErrReplaced means that the object was overwritten between two requests to the store.
var ErrReplaced = s3.Unavailable(errors.New("the object was replaced while it was read"))

// GetAttempts is how often a read starts again when the object is overwritten under it.
const GetAttempts = 3

// CoverRange returns an answer that holds the segments of a range: the one there is, or, when an object's parts are not
// multiples of a segment and the first guess was wrong, another one for the same version of the object. The first is
// closed then, and on an error it is not.
func (x *Object) CoverRange(a *store.Answer, o *Opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	if (crypto.Span{First: o.first, Last: o.last}).Covers(span) {
		return a, nil
	}
	again, err := x.ReadSpan(o, first, last)
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

// ReadSpan asks the store for the segments that hold the plaintext bytes first to last, of the version that o was read
// from, and notes in o which bytes came. The answer must be closed.
func (x *Object) ReadSpan(o *Opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	r := x.NewRequest("GetObject", "GET")
	r.Set("Range", spanRange(span))
	r.Set("If-Match", o.ETag)
	a, err := x.Objects.o.Store.Do(x.Context, r)
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

// Retry does something that reads an object once more when the object was replaced meanwhile.
func Retry(do func() error) (err error) {
	for range GetAttempts {
		if err = do(); !errors.Is(err, ErrReplaced) {
			return err
		}
	}
	return err
}

// KnowsChecksum reports whether checksumOf needs no request to the store.
func (o *Opened) KnowsChecksum() bool {
	return o.Secrets.Checksum != nil || o.Length == 0 || o.known != nil || o.trailer != nil
}

// ChecksumOf returns an object's checksum, nil if it has none, and the number of parts that a composite one is made of.
func (x *Object) ChecksumOf(o *Opened) (c *crypto.Checksum, parts int, err error) {
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
		if err := x.loadTrailer(o); err != nil {
			return nil, 0, err
		}
	}
	return o.trailer.Checksum, parts, nil
}

// A Part is one of an object's, as a read by its number finds it.
type Part struct {
	First, Last int64            // in the plaintext; last is first-1 for a part without bytes
	Count       int              // parts of the object; 0 for an object that shows none
	Checksum    *crypto.Checksum // of the part, where checksums of parts count; nil otherwise
}

// Part finds a part by its number, with its checksum if that is wanted: rows RD-4 and RD-5. Numbers count the object's
// parts from 1, whatever numbers they were uploaded with. A copy shows no parts: it is one.
func (x *Object) Part(o *Opened, number int, checksum bool) (*Part, error) {
	count := 1
	shown := o.ShowsParts()
	if shown {
		count = o.layout.Parts()
	}
	switch {
	case number > count:
		return nil, s3.Refuse("InvalidPartNumber", "The requested partnumber is not satisfiable",
			"ActualPartCount", strconv.Itoa(count), "PartNumberRequested", strconv.Itoa(number))
	case !shown:
		return &Part{Last: o.Length - 1}, nil
	}
	placed := o.layout.Part(number - 1)
	p := &Part{First: placed.Plain, Last: placed.Plain + placed.Length - 1, Count: count}
	if checksum {
		t, err := x.TrailerOf(o)
		if err != nil {
			return nil, err
		}
		if c := t.Checksum; c != nil && c.Type == crypto.Composite {
			p.Checksum = t.Parts[number-1].Checksum()
		} // otherwise it was made to be combined, and is none of the full object
	}
	return p, nil
}

// ShowsParts reports whether clients see the parts of which the object was made.
func (o *Opened) ShowsParts() bool {
	return o.Envelope.Multipart && !o.Envelope.Copied && o.layout != nil
}

// TrailerOf returns the object's trailer.
func (x *Object) TrailerOf(o *Opened) (*crypto.Trailer, error) {
	if o.trailer == nil {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
	}
	return o.trailer, nil
}
