package gateway

import (
	"errors"
	"fmt"
	"net/http"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// sealed is what one answer of the store says about an object.
type sealed struct {
	envelope *crypto.Envelope
	etag     string // the store's, quoted
	total    int64  // stored size of the whole object
	first    int64  // offset of the answer's first byte in it
	last     int64  // of its last; first-1 when the answer has no body
}

// encryption is how the object is sealed.
func (s *sealed) encryption() policy.Encryption { return encryptionOf(s.envelope) }

// readSealed reads the envelope and the sizes of an answer to GetObject or HeadObject.
func (x *object) readSealed(a *store.Answer) (*sealed, error) {
	envelope, err := crypto.ParseEnvelopeText(a.Get(x.in.o.MetadataHeader))
	if err != nil {
		x.in.damaged("envelope")
		return nil, fmt.Errorf("read the envelope of %s/%s: %w", x.bucket, x.key, err)
	}
	s := &sealed{envelope: envelope, etag: string(a.Get("Etag"))}
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
func (x *object) damage(kind string, format string, args ...any) error {
	x.in.damaged(kind)
	return s3.Internal(fmt.Errorf("%s/%s is damaged: %s", x.bucket, x.key, fmt.Sprintf(format, args...)))
}

// plainLength is the object's length by arithmetic on the store's word.
func (x *object) plainLength(s *sealed) (int64, error) {
	length, ok := crypto.PlainLength(s.total)
	if !ok || length == 0 && s.envelope.Multipart {
		return 0, x.damage("length", "no sealed object has the stored size %d", s.total)
	}
	return length, nil
}

// readFault translates the store's refusal of a read.
func (x *object) readFault(f *store.Fault, a *store.Answer) error {
	if f.Status == http.StatusPreconditionFailed {
		return s3.PreconditionFailed("If-Match").Because(f)
	}
	return x.versionFault(f, a)
}

// lookAt asks the store for an object's metadata. The answer must be closed.
func (x *object) lookAt(conditions func(*store.Request)) (*store.Answer, *sealed, error) {
	return x.look(conditions, x.readFault)
}

// look is lookAt, with fault for the store's refusal.
func (x *object) look(conditions func(*store.Request), fault func(*store.Fault, *store.Answer) error) (*store.Answer, *sealed, error) {
	r := x.about("HeadObject", "HEAD")
	conditions(r)
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return nil, nil, err
	}
	if f := a.Fault(r.Operation); f != nil {
		defer a.Close()
		if x.withoutVersions(f) {
			return x.look(conditions, fault)
		}
		return nil, nil, fault(f, a)
	}
	s, err := x.readSealed(a)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, s, nil
}

func unconditional(*store.Request) {}
