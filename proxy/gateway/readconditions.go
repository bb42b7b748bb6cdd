package gateway

import (
	"net/http"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// setReadConditions puts the client's conditions on ETags to the store. Those on dates are checkDates', and so is an
// If-None-Match that comes after one of them: a store's 304 needn't tell the date.
func (x *exchange) setReadConditions(r *store.Request) {
	for _, name := range [...]string{"if-match", "if-none-match"} {
		if v := x.grant.Value(name); v != "" && (name == "if-match" || !x.dateFirst()) {
			r.Set(name, s3.StoreCondition(v))
		}
	}
}

// dateFirst tells whether If-Unmodified-Since decides before If-None-Match does. Source: RFC 9110, 13.2.2.
func (x *exchange) dateFirst() bool {
	_, dated := s3.HeaderTime(x.grant.Value("if-unmodified-since"))
	return dated && x.grant.Value("if-match") == ""
}

// dated reports whether the client has a condition on the object's date that an ETag doesn't outweigh.
func (x *exchange) dated() bool {
	return x.grant.Value("if-match") == "" && x.grant.Value("if-unmodified-since") != "" ||
		x.grant.Value("if-none-match") == "" && x.grant.Value("if-modified-since") != ""
}

// checkDates evaluates the client's conditions on dates against the object in a. Stores can't be trusted with it: some
// compare their clock's fractions of a second, which Last-Modified doesn't show, so that an object is newer than its
// own date.
func (x *exchange) checkDates(a *store.Answer) error {
	is, known := s3.HeaderTime(string(a.Get("Last-Modified")))
	if !known || !x.dated() {
		return nil
	}
	if x.dateFirst() {
		if until, _ := s3.HeaderTime(x.grant.Value("if-unmodified-since")); is.After(until) {
			return s3.PreconditionFailed("If-Unmodified-Since")
		}
		if v := x.grant.Value("if-none-match"); v != "" && s3.ConditionNames(s3.StoreCondition(v), string(a.Get("Etag"))) {
			return x.notModified(a)
		}
	}
	if since, ok := s3.HeaderTime(x.grant.Value("if-modified-since")); ok && x.grant.Value("if-none-match") == "" &&
		!is.After(since) {
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
	own := x.g.o.MetadataHeader + objects.ExpiresSuffix
	for _, h := range [...]struct{ stored, shown, override string }{
		{"Last-Modified", "Last-Modified", ""},
		{"Cache-Control", "Cache-Control", "response-cache-control"},
		{"Expires", "Expires", "response-expires"},
		{own, "Expires", "response-expires"},
	} {
		value := string(a.Get(h.stored))
		if h.stored == own {
			value = objects.ShownValue(value)
		}
		if v, ok := x.grant.Query.Get(h.override); ok && h.override != "" && value != "" {
			value = v
		}
		if value != "" {
			e.Header = append(e.Header, s3.Element{Name: h.shown, Value: value})
		}
	}
	e.Header = append(e.Header, x.VersionOf(a)...)
	return e
}

// storeNotModified answers what the store answered 304 to. One that doesn't say what 200 would have said is asked for
// that.
func (x *exchange) storeNotModified(a *store.Answer) error {
	if x.g.o.Abilities.NotModified && x.g.o.Abilities.AnyExpires { // else Expires may be kept where 304 doesn't show it
		return x.notModified(a)
	}
	r := x.NewRequest("HeadObject", "HEAD")
	now, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer now.Close()
	if f := now.Fault(r.Operation); f != nil {
		return x.ReadFault(f, now)
	}
	if !s3.ConditionNames(s3.StoreCondition(x.grant.Value("if-none-match")), string(now.Get("Etag"))) {
		return objects.ErrReplaced
	}
	return x.notModified(now)
}

// conditionalFault is readFault for a read under the client's conditions.
func (x *exchange) conditionalFault(f *store.Fault, a *store.Answer) error {
	if f.Status == http.StatusNotModified {
		return x.storeNotModified(a)
	}
	return x.ReadFault(f, a)
}

// lookConditionally is lookAt under the client's conditions.
func (x *exchange) lookConditionally() (*store.Answer, *objects.Sealed, error) {
	a, s, err := x.HeadIfOr(x.context, x.setReadConditions, x.conditionalFault)
	if err != nil {
		return nil, nil, err
	}
	if err := x.checkDates(a); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, s, nil
}
