package sigv4

import (
	"bytes"
	"crypto/subtle"
	"time"
)

// Read parses what m says about authentication and checks everything that needs no secret: that one mechanism is
// used, its grammar, the clock, the scope and x-amz-content-sha256, in S3's order. services are the names accepted
// in the scope; the first is the one that errors name. Unless it is "s3" or "s3express", x-amz-content-sha256 may be
// missing, and Payload is PayloadBody.
//
// A request without any mechanism is no error here but has Kind Anonymous, or Form if it is a POST of
// multipart/form-data without a query. Errors are *Error, and leave a without meaning.
func (v *Verifier) Read(m *Message, a *Authentication, services ...string) error {
	return v.ReadAt(v.now(), m, a, services...)
}

// ReadAt is Read for a caller that has looked at the clock already.
func (v *Verifier) ReadAt(now time.Time, m *Message, a *Authentication, services ...string) error {
	if len(services) == 0 {
		panic("sigv4: internal error: Read without a service")
	}
	a.reset()
	l := v.layouts.find(m.Header)
	if l != nil {
		if v.readUsual(now, m, a, l, services) {
			return nil
		}
		a.reset()
	}
	if err := v.read(now, m, a, l, services); err != nil {
		a.Kind = Anonymous // so that Check refuses it, should someone not look at err
		return err
	}
	return nil
}

// read reads any request. l is the layout of its header, nil if it isn't known.
func (v *Verifier) read(now time.Time, m *Message, a *Authentication, l *layout, services []string) error {
	if !m.wellFormed() {
		return refuse("InvalidRequest", "The request's header is not well-formed.")
	}
	if !validEscapes(m.Path) || !validEscapes(m.Query) {
		return refuse("InvalidURI", "Couldn't parse the specified URI.", Element{"URI", text(m.Path)})
	}
	var h headerAuthentication
	h.collect(m)
	var q queryAuthentication
	if len(m.Query) > 0 {
		q, a.decoded = parseQuery(m.Query, a.decoded)
	}

	form := h.multipart && len(m.Query) == 0 && string(m.Method) == "POST"
	mechanisms := h.authorizations
	if q.presigned() {
		mechanisms++
	}
	if q.v2Signature {
		mechanisms++
	}
	var err error
	switch {
	case mechanisms > 1 && h.authorizations > 0:
		return refuse("InvalidArgument", oneMechanism,
			Element{"ArgumentName", "Authorization"}, Element{"ArgumentValue", text(h.authorization)})
	case mechanisms > 1:
		return refuse("InvalidArgument", oneMechanism, Element{"ArgumentName", "Authorization"})
	case form && h.authorizations > 0:
		return invalidPayload(h.contentSHA256)
	case h.authorizations > 0:
		a.Kind = Header
		err = v.readHeader(now, a, &h, services)
	case q.presigned():
		a.Kind = Presigned
		err = v.readPresigned(now, a, &q, services)
	case q.v2Signature && q.v2AccessKeyID:
		return refuse("InvalidRequest", unsupportedMechanism)
	case form:
		a.Kind = Form
	}
	if err != nil {
		return err
	}
	if err := a.readTokens(&h, &q); err != nil {
		return err
	}
	if l != nil && string(a.signedHeaders) == l.signedHeaders {
		a.layout = l
	}
	switch a.Kind {
	case Header:
		return a.readPayload(h.contentSHA256, h.contentSHA256s, services[0] == "s3" || services[0] == "s3express")
	case Presigned:
		if h.contentSHA256s > 1 {
			return invalidPayload(h.contentSHA256)
		}
		if h.contentSHA256s > 0 && q.contentSHA256 != nil && !bytes.Equal(h.contentSHA256, q.contentSHA256) {
			return refuse("InvalidRequest", conflictingValues)
		}
		if h.contentSHA256s == 0 {
			h.contentSHA256 = q.contentSHA256
		}
		a.readPresignedPayload(h.contentSHA256)
	}
	return nil
}

// Check computes the signature of m, which a was read from and which hasn't changed since, with the secret of
// a.AccessKeyID, compares it in constant time and then checks that every header was signed that must be. An empty
// secret is that of an access key id which nobody has, and never verifies. Errors are *Error.
//
// It allocates nothing once a and the cached signing key are warm.
func (v *Verifier) Check(m *Message, a *Authentication, secret string) error {
	a.key = nil
	if a.Kind != Header && a.Kind != Presigned {
		return AccessDenied()
	}
	if secret == "" {
		return InvalidAccessKeyID(a.AccessKeyID)
	}
	key := a.candidate
	if key != nil && key.isFrom(secret) {
		v.keys.use(key)
	} else {
		key = v.keys.get(&a.name, a.AccessKeyID, secret, a.Scope)
	}
	c := &a.canonical
	tried := false
	if l := a.layout; l != nil && len(m.Header) == l.fields {
		var request []byte
		if request, tried = l.appendCanonicalRequest(c, m, a.PayloadHash); tried && a.signs(request, key) {
			a.key = key
			return nil // a layout is only remembered with nothing missing among the signed headers
		}
	}
	c.sortFields(m)
	c.setSigned(a.signedHeaders)
	if tried || !a.matches(m, key, reading{}) {
		path, spaces := c.recoded && canBeRaw(m.Path), c.spaceRun
		if !(path && a.matches(m, key, reading{rawPath: true})) &&
			!(spaces && a.matches(m, key, reading{keepSpaces: true})) {
			return v.mismatch(m, a)
		}
	}
	a.key = key
	if err := c.headersNotSigned(); err != nil {
		return err
	}
	if a.layout == nil && v.layouts.admits(m.Header) {
		l := newLayout(m.Header, c, a.signedHeaders)
		if l != nil {
			l.learn(m, a)
		}
		v.layouts.put(m.Header, l)
	}
	return nil
}

// matches computes the signature by one reading of the rules and compares it with the one sent.
func (a *Authentication) matches(m *Message, key *signingKey, r reading) bool {
	return a.signs(a.canonical.appendCanonicalRequest(m, a.PayloadHash, r), key)
}

// signs compares the signature of a canonical request with the one sent.
func (a *Authentication) signs(request []byte, key *signingKey) bool {
	a.stringToSign = appendStringToSign(a.stringToSign[:0], a.timestamp[:], a.Scope, request)
	a.computed = key.sign(a.computed[:0], a.stringToSign)
	return subtle.ConstantTimeCompare(a.computed, a.Signature) == 1
}

// canBeRaw reports whether a path can be tried as received: it must not be able to imitate another canonical request's
// lines.
func canBeRaw(path []byte) bool {
	for _, b := range path {
		if b <= ' ' || b == 0x7f {
			return false
		}
	}
	return len(path) > 0
}

// mismatch reports what was signed by the first reading.
func (v *Verifier) mismatch(m *Message, a *Authentication) error {
	if !v.verbose {
		return mismatch(a.AccessKeyID, a.Signature, nil, nil)
	}
	request := a.canonical.appendCanonicalRequest(m, a.PayloadHash, reading{})
	a.stringToSign = appendStringToSign(a.stringToSign[:0], a.timestamp[:], a.Scope, request)
	return mismatch(a.AccessKeyID, a.Signature, a.stringToSign, request)
}

// maxHoisted bounds the settings taken from a query; S3 knows fewer than fifty that could be there.
const maxHoisted = 64

// EffectiveValue returns the value of an x-amz-* setting of m: that of the header called name (lower case), or of the
// query parameter of that name in any case, which is where presigning clients put headers. ok reports whether either is
// there; of repeated ones the first counts. A header and a parameter with different values are an *Error, as is a
// parameter that no header could hold. The value points into m, unless it had to be decoded.
//
// Source: QRY; aws-sdk-go-v2, AllowedQueryHoisting; Error responses, InvalidRequest.
func EffectiveValue(m *Message, name string) (value []byte, ok bool, err error) {
	value, n := m.header(name)
	for query := m.Query; len(query) > 0; {
		var segment []byte
		segment, query = cut(query, '&')
		parameter, raw := cut(segment, '=')
		if bytes.IndexByte(parameter, '%') >= 0 {
			parameter = appendDecoded(nil, parameter)
		}
		if !equalName(parameter, name) {
			continue
		}
		hoisted := raw
		if bytes.IndexByte(raw, '%') >= 0 || bytes.IndexByte(raw, '+') >= 0 {
			hoisted = appendDecoded(nil, raw)
		}
		switch {
		case n > 0 && !bytes.Equal(value, hoisted):
			return nil, false, refuse("InvalidRequest", conflictingValues)
		case !isHeaderValue(hoisted):
			return nil, false, notHeader()
		}
		return hoisted, true, nil
	}
	return value, n > 0, nil
}

// AppendHoisted appends to fields the x-amz-* settings that m has in its query and not in its header, names in lower
// case, so that everything after it need look at header fields only. The parameters of the signature itself are left
// out; X-Amz-Security-Token and X-Amz-S3session-Token are not. A setting with different values in header and query is
// an *Error. It allocates only if there is something to append. fields may be m.Header[:len(m.Header)].
func AppendHoisted(fields []Field, m *Message) ([]Field, error) {
	own, settings := len(fields), 0
	for query := m.Query; len(query) > 0; {
		var segment []byte
		segment, query = cut(query, '&')
		rawName, rawValue := cut(segment, '=')
		if !hasNamePrefix(rawName, "x-amz-") && bytes.IndexByte(rawName, '%') < 0 {
			continue
		}
		name := appendDecoded(make([]byte, 0, 64), rawName)
		for i, b := range name {
			name[i] = lower(b)
		}
		if !hasNamePrefix(name, "x-amz-") {
			continue
		}
		switch string(name) {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
			"x-amz-signature":
			continue
		}
		if settings++; settings > maxHoisted {
			return nil, refuse("InvalidRequest", "There are too many x-amz- query parameters.")
		}
		setting, value := string(name), appendDecoded(nil, rawValue)
		if !isHeaderList(name) || !isHeaderValue(value) {
			return nil, notHeader()
		}
		known := false
		for i := own; i < len(fields) && !known; i++ {
			known = string(fields[i].Name) == setting // the first of a repeated parameter counts
		}
		for i := range m.Header {
			if !known && equalName(m.Header[i].Name, setting) {
				known = true
				if !bytes.Equal(trim(m.Header[i].Value), value) {
					return nil, refuse("InvalidRequest", conflictingValues)
				}
			}
		}
		if !known {
			fields = append(fields, Field{[]byte(setting), value})
		}
	}
	return fields, nil
}

// isHeaderValue reports whether a decoded parameter can stand where a header's value is expected. One with a line end
// would write headers of its own wherever it is passed on.
func isHeaderValue(s []byte) bool {
	for _, b := range s {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func notHeader() error {
	return refuse("InvalidRequest", "A query parameter that stands for a header is not well-formed.")
}
