package objects

import (
	"bytes"
	"context"
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

// A Source is the object that a copy, a rename or an append starts from, as one answer of the store shows it.
type Source struct {
	Object *Object
	*Sealed
	Length   int64         // of its plaintext, as the store reports it until it is opened
	Modified time.Time     // zero when the store doesn't say
	header   []sigv4.Field // its metadata in the store, names in lower case, without the envelope
	Version  []s3.Element  // its version's headers, for the answer to a copy
	// Attributes are further headers that the store has for it and that copies don't take over: see metadata.go.
	Attributes []sigv4.Field
	Tagged     bool   // it has tags
	end        []byte // its last stored bytes, which hold most objects' trailers; nil when only metadata was requested
}

// tailSize is how much of an object's end comes with its metadata: the trailers of up to 160 parts.
const tailSize = 4096

// HeadWithTail reads the metadata and the end of the object at x in one request. HEAD would not do: a store may answer
// with an object's old metadata and the ETag of one that has just replaced it. The old envelope would then be used for
// the new bytes, and the check of the ETag would succeed. Metadata that comes with the end is checked against it, by
// openEnd. The store must only guarantee that the ETag is not newer than the body of the same answer.
func (x *Object) HeadWithTail(ctx context.Context) (*Source, error) {
	return x.headWithTail(ctx, tailSize)
}

func (x *Object) headWithTail(ctx context.Context, tailSize int) (*Source, error) {
	r := x.NewRequest("GetObject", "GET")
	r.Set("Range", "bytes=-"+strconv.Itoa(tailSize))
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.Status == http.StatusRequestedRangeNotSatisfiable || a.Status == http.StatusPartialContent && a.Length == 0 {
		// An empty object: stores differ in what its end is, some answer "bytes 0--1/0".
		a.Close()
		r.Header = nil
		if a, err = x.Objects.o.Store.Do(ctx, r); err != nil {
			return nil, err
		}
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if x.WithoutVersions(f) {
			return x.headWithTail(ctx, tailSize)
		}
		e := x.VersionFault(f, a)
		e.Header = nil // they would be taken for the copy's
		if e.Code == "MethodNotAllowed" {
			return nil,
				s3.Refuse("InvalidRequest",
					"The source of a copy request may not specifically refer to a delete marker by version id.").Because(f)
		}
		return nil, e
	}
	s, err := x.ReadSealed(a)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Header == nil && s.total > 0:
		return nil, ErrReplaced
	case s.total > 0 && (s.last != s.total-1 || s.last-s.first >= int64(tailSize) || a.Length != s.last-s.first+1):
		return nil,
			s3.Internal(fmt.Errorf("the store answered bytes %d-%d of %d where the last %d were requested", s.first, s.last,
				s.total, tailSize))
	}
	end, err := a.Bytes(tailSize)
	if err != nil {
		return nil, s3.Unavailable(err)
	}
	o, err := x.newSource(a, s)
	if err == nil {
		o.end = end
	}
	return o, err
}

// Head reads the metadata of the object at x, for callers that don't open it.
func (x *Object) Head(ctx context.Context) (*Source, error) {
	a, s, err := x.HeadIf(ctx, Unconditional)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return x.newSource(a, s)
}

func (x *Object) newSource(a *store.Answer, s *Sealed) (*Source, error) {
	o := &Source{Object: x, Sealed: s}
	var err error
	if o.Length, err = x.PlainLength(s); err != nil {
		return nil, err
	}
	if t, err := http.ParseTime(string(a.Get("Last-Modified"))); err == nil {
		o.Modified = t
	}
	o.Tagged = string(a.Get(TagCountHeader)) != "" && string(a.Get(TagCountHeader)) != "0"
	if v := x.VersionOf(a); len(v) > 0 && v[0].Name == versionHeaders[0] {
		o.Version = []s3.Element{{Name: "x-amz-copy-source-version-id", Value: v[0].Value}}
	}
	own := x.Objects.o.MetadataHeader
	a.Header(func(name, value []byte) bool {
		lower := strings.ToLower(string(name))
		if lower == ClassHeader && string(value) != "STANDARD" || lower == LockMode || lower == LockUntil ||
			lower == LockHold || lower == own+RedirectSuffix {
			o.Attributes = append(o.Attributes, sigv4.Field{Name: []byte(lower), Value: append([]byte(nil), value...)})
		}
		if lower == "content-type" || IsStored(lower) ||
			strings.HasPrefix(lower, UserMetadata) && lower != own && lower != own+RedirectSuffix {
			o.header = append(o.header, sigv4.Field{Name: []byte(lower), Value: append([]byte(nil), value...)})
		}
		return true
	})
	return o, nil
}

// Open opens the envelope and the trailer and finds the layout; fresh calls KMS past the cache. It calls may before
// KMS, for an object under SSE-KMS. The caller wipes the secrets.
func (o *Source) Open(ctx context.Context, fresh bool, may func(keyARN string) error) (*Opened, error) {
	if err := o.Object.checkKeyAllowed(o.Envelope); err != nil {
		return nil, err
	}
	if o.Envelope.SSE == crypto.SSEKMS {
		if err := may(o.Envelope.KeyARN); err != nil {
			return nil, err
		}
	}
	secrets, err := o.Object.unlock(ctx, o.Envelope, fresh)
	if err != nil {
		return nil, err
	}
	trailer, err := o.openEnd(ctx, &secrets)
	if err != nil {
		secrets.Wipe()
		return nil, err
	}
	if o.Envelope.Multipart && trailer != nil {
		o.Object.Objects.layouts.put(o.Object.layoutName(), &cachedLayout{
			etag: o.ETag, objectID: o.Envelope.ObjectID, total: o.total, layout: trailer.Layout(), checksum: trailer.Checksum,
		})
	}
	return o.Object.layOut(ctx, o.Sealed, secrets, trailer)
}

// openEnd opens the object's trailer; nil for an empty object.
func (o *Source) openEnd(ctx context.Context, secrets *crypto.Secrets) (*crypto.Trailer, error) {
	x := o.Object
	length, err := secrets.CheckStored(o.total)
	if err != nil {
		return nil, x.damage("length", "%v", err)
	}
	if length == 0 {
		return nil, nil
	}
	return x.openTrailer(o.Sealed, &secrets.DataKey, int64(len(o.end)), func(n int64) ([]byte, error) {
		if n == int64(len(o.end)) {
			return bytes.Clone(o.end), nil // it may be stored unchanged
		}
		return x.readEnd(ctx, o.Sealed, n)
	})
}

// CopyMetadata copies the object's own metadata onto a request that makes another object of it, with that one's
// envelope. used is how much of the room for user metadata is taken.
func (o *Source) CopyMetadata(r *store.Request, envelope []byte, used int) error {
	own := o.Object.Objects.o.MetadataHeader
	for _, f := range o.header {
		r.Header = append(r.Header, f)
		if strings.HasPrefix(s3.View(f.Name), UserMetadata) {
			used += len(f.Name) - len(UserMetadata) + len(f.Value)
		}
	}
	if room := o.Object.Objects.MaxMetadata() - (len(own) - len(UserMetadata)) - len(envelope); used > room {
		return MetadataTooLarge(room, used)
	}
	r.SetBytes(own, envelope)
	return nil
}

// VersionID is the store's name for the version that was read, "" without versions.
func (o *Source) VersionID() string {
	if len(o.Version) == 0 {
		return ""
	}
	return o.Version[0].Value
}
