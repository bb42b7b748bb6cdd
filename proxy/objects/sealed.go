package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Sealed is what one answer of the store says about an object.
type Sealed struct {
	Envelope *crypto.Envelope
	ETag     string // the store's, quoted
	total    int64  // stored size of the whole object
	first    int64  // offset of the answer's first byte in it
	last     int64  // of its last; first-1 when the answer has no body
}

// Encryption is how the object is sealed.
func (s *Sealed) Encryption() policy.Encryption { return encryptionOf(s.Envelope) }

// ReadSealed reads the envelope and the sizes of an answer to GetObject or HeadObject.
func (x *Object) ReadSealed(a *store.Answer) (*Sealed, error) {
	envelope, err := crypto.ParseEnvelopeText(a.Get(x.Objects.o.MetadataHeader))
	if err != nil {
		x.Objects.Damaged("envelope")
		return nil, fmt.Errorf("read the envelope of %s/%s: %w", x.Bucket, x.Key, err)
	}
	s := &Sealed{Envelope: envelope, ETag: string(a.Get("Etag"))}
	if a.Status == http.StatusPartialContent {
		var ok bool
		if s.first, s.last, s.total, ok = s3.ParseContentRange(string(a.Get("Content-Range"))); !ok {
			return nil, s3.Internal(fmt.Errorf("the store answered 206 with Content-Range %q", a.Get("Content-Range")))
		}
		return s, nil
	}
	if s.total = a.ContentLength(); s.total < 0 {
		return nil, s3.Internal(errors.New("the store answered without Content-Length"))
	}
	s.last = s.total - 1
	return s, nil
}

// damage is an object that can't be what the proxy stored: an alarm, and InternalError for the client.
func (x *Object) damage(kind string, format string, args ...any) error {
	x.Objects.Damaged(kind)
	return s3.Internal(fmt.Errorf("%s/%s is damaged: %s", x.Bucket, x.Key, fmt.Sprintf(format, args...)))
}

// PlainLength is the object's length by arithmetic on the store's word.
func (x *Object) PlainLength(s *Sealed) (int64, error) {
	length, ok := crypto.PlainLength(s.total)
	if !ok || length == 0 && s.Envelope.Multipart {
		return 0, x.damage("length", "no sealed object has the stored size %d", s.total)
	}
	return length, nil
}

// ReadFault translates the store's refusal of a read.
func (x *Object) ReadFault(f *store.Fault, a *store.Answer) error {
	if f.Status == http.StatusPreconditionFailed {
		return s3.PreconditionFailed("If-Match").Because(f)
	}
	return x.VersionFault(f, a)
}

// HeadIf asks the store for an object's metadata. The answer must be closed.
func (x *Object) HeadIf(ctx context.Context, conditions func(*store.Request)) (*store.Answer, *Sealed, error) {
	return x.HeadIfOr(ctx, conditions, x.ReadFault)
}

// HeadIfOr is lookAt, with fault for the store's refusal.
func (x *Object) HeadIfOr(ctx context.Context, conditions func(*store.Request), fault func(*store.Fault, *store.Answer) error) (*store.Answer, *Sealed, error) {
	r := x.NewRequest("HeadObject", "HEAD")
	conditions(r)
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if f := a.Fault(r.Operation); f != nil {
		defer a.Close()
		if x.WithoutVersions(f) {
			return x.HeadIfOr(ctx, conditions, fault)
		}
		return nil, nil, fault(f, a)
	}
	s, err := x.ReadSealed(a)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, s, nil
}

// Unconditional leaves a request of HeadIf as it is.
func Unconditional(*store.Request) {}
