package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// An origin is the object that a copy, a rename or an append starts from, as one answer of the store shows it.
type origin struct {
	x *object
	*sealed
	length   int64         // of its plaintext, on the store's word until it is opened
	modified time.Time     // zero when the store doesn't say
	header   []sigv4.Field // its metadata in the store, names in lower case, without the envelope
	version  []s3.Element  // what a copy of it tells of its version
	// attributes are what else the store keeps with it, as its headers, which copies don't take over: see objectattributes.go.
	attributes []sigv4.Field
	tagged     bool   // it has tags
	end        []byte // its last stored bytes, which hold most objects' trailers; nil when only metadata was asked for
}

// originEnd is how much of an object's end comes with its metadata: the trailers of up to 160 parts.
const originEnd = 4096

// origin asks the store for the object that x is at: its metadata and its end, in one request. HEAD would not do. A store
// may put its answer together of an object's old metadata and the ETag of one that has just replaced it: the old envelope
// would then be made the new bytes', and the check of the ETag would agree. What comes with the end is checked against it,
// by openEnd. What is left to the store is that the ETag is not newer than the body it comes with.
func (x *object) origin() (*origin, error) {
	r := x.about("GetObject", "GET")
	r.Set("Range", "bytes=-"+strconv.Itoa(originEnd))
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	if a.Status == http.StatusRequestedRangeNotSatisfiable || a.Status == http.StatusPartialContent && a.Length == 0 {
		// An empty object: stores differ in what its end is, some answer "bytes 0--1/0".
		a.Close()
		r.Header = nil
		if a, err = x.in.o.Store.Do(x.context, r); err != nil {
			return nil, err
		}
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if x.withoutVersions(f) {
			return x.origin()
		}
		e := x.versionFault(f, a)
		e.Header = nil // they would be taken for the copy's
		if e.Code == "MethodNotAllowed" {
			return nil, s3.Refuse("InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.").Because(f)
		}
		return nil, e
	}
	s, err := x.readSealed(a)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Header == nil && s.total > 0:
		return nil, errReplaced
	case s.total > 0 && (s.last != s.total-1 || s.last-s.first >= originEnd || a.Length != s.last-s.first+1):
		return nil, s3.Internal(fmt.Errorf("the store answered bytes %d-%d of %d where the last %d were asked for", s.first, s.last, s.total, originEnd))
	}
	end, err := a.Bytes(originEnd)
	if err != nil {
		return nil, s3.Unavailable(err)
	}
	o, err := x.newOrigin(a, s)
	if err == nil {
		o.end = end
	}
	return o, err
}

// glance asks the store for the metadata of the object that x is at, for whoever doesn't open it.
func (x *object) glance() (*origin, error) {
	a, s, err := x.lookAt(unconditional)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return x.newOrigin(a, s)
}

func (x *object) newOrigin(a *store.Answer, s *sealed) (*origin, error) {
	o := &origin{x: x, sealed: s}
	var err error
	if o.length, err = x.plainLength(s); err != nil {
		return nil, err
	}
	if t, err := http.ParseTime(string(a.Get("Last-Modified"))); err == nil {
		o.modified = t
	}
	o.tagged = string(a.Get(tagCountHeader)) != "" && string(a.Get(tagCountHeader)) != "0"
	if v := x.versionOf(a); len(v) > 0 && v[0].Name == versionHeaders[0] {
		o.version = []s3.Element{{Name: "x-amz-copy-source-version-id", Value: v[0].Value}}
	}
	own := x.in.o.MetadataHeader
	a.Header(func(name, value []byte) bool {
		lower := strings.ToLower(string(name))
		if lower == classHeader && string(value) != "STANDARD" || lower == lockMode || lower == lockUntil || lower == lockHold || lower == own+redirectSuffix {
			o.attributes = append(o.attributes, sigv4.Field{Name: []byte(lower), Value: append([]byte(nil), value...)})
		}
		if lower == "content-type" || isStored(lower) || strings.HasPrefix(lower, userMetadata) && lower != own && lower != own+redirectSuffix {
			o.header = append(o.header, sigv4.Field{Name: []byte(lower), Value: append([]byte(nil), value...)})
		}
		return true
	})
	return o, nil
}

// open opens the envelope and the trailer and finds the layout; fresh calls KMS past the cache. It asks may
// before it calls KMS, for an object under SSE-KMS. The caller wipes the secrets.
func (o *origin) open(fresh bool, may func(keyARN string) error) (*opened, error) {
	if err := o.x.checkKeyAllowed(o.envelope); err != nil {
		return nil, err
	}
	if o.envelope.SSE == crypto.SSEKMS {
		if err := may(o.envelope.KeyARN); err != nil {
			return nil, err
		}
	}
	secrets, err := o.x.unlock(o.envelope, fresh)
	if err != nil {
		return nil, err
	}
	trailer, err := o.openEnd(&secrets)
	if err != nil {
		secrets.Wipe()
		return nil, err
	}
	if o.envelope.Multipart && trailer != nil {
		o.x.in.layouts.put(o.x.layoutName(), &knownLayout{etag: o.etag, objectID: o.envelope.ObjectID, total: o.total, layout: trailer.Layout(), checksum: trailer.Checksum})
	}
	opened, err := o.x.layOut(o.sealed, secrets)
	if err != nil {
		return nil, err
	}
	opened.trailer = trailer
	return opened, nil
}

// openEnd opens the object's trailer, and by that shows that envelope and body belong together; nil for an empty object.
func (o *origin) openEnd(secrets *crypto.Secrets) (*crypto.Trailer, error) {
	x := o.x
	length, err := secrets.CheckStored(o.total)
	if err != nil {
		return nil, x.damage("length", "%v", err)
	}
	if length == 0 {
		return nil, nil
	}
	end := bytes.Clone(o.end) // it is opened in place, and may have to be stored as it is
	for {
		t, need, err := secrets.DataKey.OpenTrailer(&o.envelope.ObjectID, o.total, end)
		if err != nil {
			x.in.damaged("trailer")
			return nil, fmt.Errorf("open the trailer of %s/%s: %w", x.bucket, x.key, err)
		}
		if t != nil {
			return t, nil
		}
		if need <= int64(len(end)) {
			return nil, x.damage("trailer", "its trailer asks for %d bytes twice", need)
		}
		if end, err = x.readEnd(o.sealed, need); err != nil {
			return nil, err
		}
	}
}

// keepHeaders puts the object's own metadata onto a request that makes another object of it, with that one's envelope.
// used is how much of the room for user metadata is taken.
func (o *origin) keepHeaders(r *store.Request, envelope []byte, used int) error {
	own := o.x.in.o.MetadataHeader
	for _, f := range o.header {
		r.Header = append(r.Header, f)
		if strings.HasPrefix(s3.View(f.Name), userMetadata) {
			used += len(f.Name) - len(userMetadata) + len(f.Value)
		}
	}
	if room := o.x.in.maxMetadata() - (len(own) - len(userMetadata)) - len(envelope); used > room {
		return metadataTooLarge(room, used)
	}
	r.SetBytes(own, envelope)
	return nil
}
