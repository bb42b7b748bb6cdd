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

// readSealed reads the envelope and the sizes of an answer to GetObject or HeadObject.
func (x *object) readSealed(a *store.Answer) (*sealed, error) {
	envelope, err := crypto.ParseEnvelopeText(a.Get(x.g.o.MetadataHeader))
	if err != nil {
		x.g.damaged("envelope")
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
	x.g.damaged(kind)
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

// setReadConditions puts the client's conditions on ETags to the store. Those on dates are checkDates', and so is an
// If-None-Match that comes after one of them: a store's 304 needn't tell the date.
func (x *exchange) setReadConditions(r *store.Request) {
	for _, name := range [...]string{"if-match", "if-none-match"} {
		if v := x.headerValue(name); v != "" && (name == "if-match" || !x.dateFirst()) {
			r.Set(name, s3.StoreCondition(v))
		}
	}
}

// dateFirst tells whether If-Unmodified-Since decides before If-None-Match does. Source: RFC 9110, 13.2.2.
func (x *exchange) dateFirst() bool {
	_, dated := headerTime(x.headerValue("if-unmodified-since"))
	return dated && x.headerValue("if-match") == ""
}

// dated reports whether the client has a condition on the object's date that an ETag doesn't outweigh.
func (x *exchange) dated() bool {
	return x.headerValue("if-match") == "" && x.headerValue("if-unmodified-since") != "" ||
		x.headerValue("if-none-match") == "" && x.headerValue("if-modified-since") != ""
}

// checkDates evaluates the client's conditions on dates against the object in a. Stores can't be trusted with it: some
// compare their clock's fractions of a second, which Last-Modified doesn't show, so that an object is newer than its own date.
func (x *exchange) checkDates(a *store.Answer) error {
	is, known := headerTime(string(a.Get("Last-Modified")))
	if !known || !x.dated() {
		return nil
	}
	if x.dateFirst() {
		if until, _ := headerTime(x.headerValue("if-unmodified-since")); is.After(until) {
			return s3.PreconditionFailed("If-Unmodified-Since")
		}
		if v := x.headerValue("if-none-match"); v != "" && s3.ConditionNames(s3.StoreCondition(v), string(a.Get("Etag"))) {
			return x.notModified(a)
		}
	}
	if since, ok := headerTime(x.headerValue("if-modified-since")); ok && x.headerValue("if-none-match") == "" && !is.After(since) {
		return x.notModified(a)
	}
	return nil
}

// notModified answers 304 with the headers that 200 would have had. Source: RFC 9110, 15.4.5.
func (x *exchange) notModified(a *store.Answer) error {
	e := &s3.Error{Code: "NotModified", Message: "Not Modified"}
	if etag := a.Get("Etag"); len(etag) > 0 {
		e.Header = append(e.Header, s3.Element{Name: "ETag", Value: s3.ClientETag(etag)})
	}
	own := x.g.o.MetadataHeader + expiresSuffix
	for _, h := range [...]struct{ stored, shown, override string }{
		{"Last-Modified", "Last-Modified", ""},
		{"Cache-Control", "Cache-Control", "response-cache-control"},
		{"Expires", "Expires", "response-expires"},
		{own, "Expires", "response-expires"},
	} {
		value := string(a.Get(h.stored))
		if h.stored == own {
			value = shownValue(value)
		}
		if v, ok := x.query.Get(h.override); ok && h.override != "" && value != "" {
			value = v
		}
		if value != "" {
			e.Header = append(e.Header, s3.Element{Name: h.shown, Value: value})
		}
	}
	e.Header = append(e.Header, x.versionOf(a)...)
	return e
}

// storeNotModified answers what the store answered 304 to. One that doesn't say what 200 would have said is asked for that.
func (x *exchange) storeNotModified(a *store.Answer) error {
	if x.g.o.Abilities.NotModified && x.g.o.Abilities.AnyExpires { // else Expires may be kept where 304 doesn't show it
		return x.notModified(a)
	}
	r := x.about("HeadObject", "HEAD")
	now, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer now.Close()
	if f := now.Fault(r.Operation); f != nil {
		return x.readFault(f, now)
	}
	if !s3.ConditionNames(s3.StoreCondition(x.headerValue("if-none-match")), string(now.Get("Etag"))) {
		return errReplaced
	}
	return x.notModified(now)
}

// conditionalFault is readFault for a read under the client's conditions.
func (x *exchange) conditionalFault(f *store.Fault, a *store.Answer) error {
	if f.Status == http.StatusNotModified {
		return x.storeNotModified(a)
	}
	return x.readFault(f, a)
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
	a, err := x.g.o.Store.Do(x.context, r)
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

// lookConditionally is lookAt under the client's conditions.
func (x *exchange) lookConditionally() (*store.Answer, *sealed, error) {
	a, s, err := x.look(x.setReadConditions, x.conditionalFault)
	if err != nil {
		return nil, nil, err
	}
	if err := x.checkDates(a); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, s, nil
}

// decideRead shows how the object is sealed, and refuses to read an SSE-KMS object in the clear.
func (x *exchange) decideRead(s *sealed) error {
	existing := &x.taking.existing
	*existing = encryptionOf(s.envelope)
	if refused := policy.DecideTLS(x.operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	o := &x.taking.options
	*o = *x.g.policyOptions()
	o.Existing = existing
	var refused *policy.Refusal
	if x.decision, refused = policy.DecideEncryption(x.operation, &x.request, &x.facts, x.session, o); refused != nil {
		return refused
	}
	return nil
}
