package sigv4

import (
	"bytes"
	"crypto/subtle"
	"slices"
	"time"
)

// Options are what a Verifier is made from. All but Regions may be left zero.
type Options struct {
	// Regions are the regions accepted in a credential scope; the first is the one that errors name. Required.
	Regions []string

	// Now is the clock, time.Now by default.
	Now func() time.Time

	// SigningKeys bounds the number of cached signing keys, 4,096 by default. A key takes about 1 KiB.
	SigningKeys int

	// VerboseMismatch adds the string to sign and the canonical request to SignatureDoesNotMatch, as S3 does. They hold
	// nothing but what the client sent.
	VerboseMismatch bool
}

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	regions []string
	now     func() time.Time
	verbose bool
	keys    *keyCache
}

// NewVerifier returns a Verifier. It panics if o names no region.
func NewVerifier(o Options) *Verifier {
	if len(o.Regions) == 0 {
		panic("sigv4: internal error: a Verifier without regions")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SigningKeys <= 0 {
		o.SigningKeys = defaultSigningKeys
	}
	return &Verifier{slices.Clone(o.Regions), o.Now, o.VerboseMismatch, newKeyCache(o.SigningKeys)}
}

const defaultSigningKeys = 4096

// Kind is the mechanism by which a request is authenticated.
type Kind uint8

const (
	Anonymous Kind = iota // not at all: Check refuses it
	Header                // an Authorization header
	Presigned             // query parameters
	Form                  // a form POST: ReadForm has to read its fields
)

// String returns the mechanism's name.
func (k Kind) String() string {
	return [...]string{"anonymous", "header", "presigned", "form"}[k&3]
}

// Authentication is what a request says about who sent it. It is meant to be reused: Read sets every field anew.
// Its slices point into the Message it was read from or into its own memory, and are good until either changes.
// One goroutine at a time.
type Authentication struct {
	Kind    Kind
	Payload Payload

	AccessKeyID []byte
	Date        []byte // yyyymmdd, of the scope
	Region      []byte
	Service     []byte
	Scope       []byte // date/region/service/aws4_request

	SessionToken  []byte // x-amz-s3session-token, from header, query or form
	SecurityToken []byte // x-amz-security-token, likewise; never both

	Time        time.Time     // when it was signed
	Expires     time.Duration // how long from Time a presigned request is good; otherwise zero
	PayloadHash []byte        // the last line of the canonical request
	Signature   []byte        // as sent

	signedHeaders []byte
	timestamp     [16]byte
	bodyHash      [64]byte
	policy        []byte      // of a form: base64, as sent
	key           *signingKey // set when the signature has been found right

	canonical    canonicalizer
	decoded      []byte // query values
	stringToSign []byte
	computed     []byte // signature
	name         []byte // cache name
}

func (a *Authentication) reset() {
	*a = Authentication{canonical: a.canonical, decoded: a.decoded, stringToSign: a.stringToSign, computed: a.computed, name: a.name}
}

func (a *Authentication) setCredential(c *credential) {
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Scope = c.accessKeyID, c.date, c.region, c.service, c.scope
}

// Read parses what m says about authentication and checks everything that needs no secret: that one mechanism is
// used, its grammar, the clock, the scope and x-amz-content-sha256, in S3's order. services are the names accepted
// in the scope; the first is the one that errors name. Unless it is "s3" or "s3express", x-amz-content-sha256 may be
// missing, and Payload is PayloadBody.
//
// A request without any mechanism is no error here but has Kind Anonymous, or Form if it is a POST of
// multipart/form-data without a query. Errors are *Error, and leave a without meaning.
func (v *Verifier) Read(m *Message, a *Authentication, services ...string) error {
	a.reset()
	if err := v.read(m, a, services); err != nil {
		a.Kind = Anonymous // so that Check refuses it, should someone not look at err
		return err
	}
	return nil
}

func (v *Verifier) read(m *Message, a *Authentication, services []string) error {
	if !m.wellFormed() {
		return refuse("InvalidRequest", "The request's header is not well-formed.")
	}
	if !validEscapes(m.Path) || !validEscapes(m.Query) {
		return refuse("InvalidURI", "Couldn't parse the specified URI.")
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
		err = v.readHeader(a, &h, services)
	case q.presigned():
		a.Kind = Presigned
		err = v.readPresigned(a, &q, services)
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
	switch a.Kind {
	case Header:
		return a.readPayload(h.contentSHA256, h.contentSHA256s, services[0] == "s3" || services[0] == "s3express")
	case Presigned:
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

// headerAuthentication is what the header says about authentication: the first value of each name and, where it
// matters, how many there are.
type headerAuthentication struct {
	authorization, date, amzDate, contentSHA256, securityToken, sessionToken []byte

	authorizations, dates, amzDates, contentSHA256s, securityTokens, sessionTokens int

	multipart bool // Content-Type: multipart/form-data
}

func (h *headerAuthentication) collect(m *Message) {
	for i := range m.Header {
		name, value := m.Header[i].Name, m.Header[i].Value
		switch len(name) {
		case len("date"):
			take(name, value, "date", &h.date, &h.dates)
		case len("x-amz-date"):
			take(name, value, "x-amz-date", &h.amzDate, &h.amzDates)
		case len("content-type"):
			if equalName(name, "content-type") && hasNamePrefix(trim(value), "multipart/form-data") {
				h.multipart = true
			}
		case len("authorization"):
			take(name, value, "authorization", &h.authorization, &h.authorizations)
		case len("x-amz-content-sha256"):
			take(name, value, "x-amz-content-sha256", &h.contentSHA256, &h.contentSHA256s)
			take(name, value, "x-amz-security-token", &h.securityToken, &h.securityTokens)
		case len("x-amz-s3session-token"):
			take(name, value, "x-amz-s3session-token", &h.sessionToken, &h.sessionTokens)
		}
	}
}

func take(name, value []byte, want string, first *[]byte, count *int) {
	if equalName(name, want) {
		if *count++; *count == 1 {
			*first = trim(value)
		}
	}
}

// readHeader takes a header-signed request's parts into a. Source: HDR.
func (v *Verifier) readHeader(a *Authentication, h *headerAuthentication, services []string) error {
	scheme, rest := cut(h.authorization, ' ')
	switch string(scheme) {
	case algorithm:
	case "AWS", "AWS4-ECDSA-P256-SHA256":
		return refuse("InvalidRequest", unsupportedMechanism)
	default:
		return refuse("InvalidArgument", "Unsupported Authorization Type", Element{"ArgumentName", "Authorization"})
	}
	z, err := parseAuthorization(rest)
	if err != nil {
		return err
	}
	a.setCredential(&z.credential)
	a.signedHeaders, a.Signature = z.signedHeaders, z.signature

	sent, ok := h.amzDate, false
	switch {
	case h.amzDates == 1:
		a.Time, ok = parseTimestamp(h.amzDate)
	case h.amzDates == 0 && h.dates == 1:
		sent = h.date
		a.Time, ok = parseDate(h.date)
	}
	if !ok {
		return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	AppendTimestamp(a.timestamp[:0], a.Time)
	if now := v.now(); now.Sub(a.Time).Abs() > maxSkew {
		return refuse("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
			Element{"RequestTime", text(sent)},
			Element{"ServerTime", now.UTC().Format(iso8601)},
			Element{"MaxAllowedSkewMilliseconds", "900000"})
	}
	if err := v.checkScope(a, services, headerGrammar); err != nil {
		return err
	}
	if !bytes.HasPrefix(a.timestamp[:], a.Date) {
		return headerGrammar.refuse("Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return nil
}

// readTokens takes the two tokens from wherever they are. One token may come twice, but not as two values; both
// tokens together have no meaning.
func (a *Authentication) readTokens(h *headerAuthentication, q *queryAuthentication) error {
	a.SessionToken, a.SecurityToken = h.sessionToken, h.securityToken
	if h.sessionTokens > 1 || h.sessionTokens == 1 && q.sessionToken != nil && !bytes.Equal(h.sessionToken, q.sessionToken) ||
		h.securityTokens > 1 || h.securityTokens == 1 && q.securityToken != nil && !bytes.Equal(h.securityToken, q.securityToken) {
		return refuse("InvalidRequest", conflictingValues)
	}
	if h.sessionTokens == 0 {
		a.SessionToken = q.sessionToken
	}
	if h.securityTokens == 0 {
		a.SecurityToken = q.securityToken
	}
	if a.SessionToken != nil && a.SecurityToken != nil {
		return refuse("InvalidRequest", "The x-amz-security-token and x-amz-s3session-token parameters must not be used together.")
	}
	return nil
}

// Check computes the signature of m, which a was read from, with the secret of a.AccessKeyID, compares it in constant
// time and then asks whether every header was signed that must be. An empty secret is that of an access key id which
// nobody has, and never verifies. Errors are *Error.
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
	key := v.keys.get(&a.name, a.AccessKeyID, secret, a.Date, a.Region, a.Service)
	c := &a.canonical
	c.sortFields(m)
	c.setSigned(a.signedHeaders)
	if !a.matches(m, key, reading{}) {
		path, spaces := c.recoded && canBeRaw(m.Path), c.spaceRun
		if !(path && a.matches(m, key, reading{rawPath: true})) &&
			!(spaces && a.matches(m, key, reading{keepSpaces: true})) {
			return v.mismatch(m, a)
		}
	}
	a.key = key
	return c.headersNotSigned()
}

// matches computes the signature by one reading of the rules and compares it with the one sent.
func (a *Authentication) matches(m *Message, key *signingKey, r reading) bool {
	request := a.canonical.appendCanonicalRequest(m, a.PayloadHash, r)
	a.stringToSign = appendStringToSign(a.stringToSign[:0], a.timestamp[:], a.Scope, request)
	a.computed = key.sign(a.computed[:0], a.stringToSign)
	return subtle.ConstantTimeCompare(a.computed, a.Signature) == 1
}

// canBeRaw tells whether a path can be tried as received: it must not be able to imitate another canonical request's lines.
func canBeRaw(path []byte) bool {
	for _, b := range path {
		if b <= ' ' || b == 0x7f {
			return false
		}
	}
	return len(path) > 0
}

// mismatch tells what was signed by the first reading.
func (v *Verifier) mismatch(m *Message, a *Authentication) error {
	if !v.verbose {
		return mismatch(a.AccessKeyID, a.Signature, nil, nil)
	}
	request := a.canonical.appendCanonicalRequest(m, a.PayloadHash, reading{})
	a.stringToSign = appendStringToSign(a.stringToSign[:0], a.timestamp[:], a.Scope, request)
	return mismatch(a.AccessKeyID, a.Signature, a.stringToSign, request)
}

// headersNotSigned asks for the headers that must be signed when they are there: host, every x-amz-* but
// x-amz-content-sha256 (which is signed as the payload hash), content-md5, and if-range beside a signed range.
func (c *canonicalizer) headersNotSigned() error {
	var missing []byte
	host := false
	for i := range c.fields {
		name := c.fields[i].name
		must := false
		switch string(name) {
		case "host":
			host, must = true, true
		case "content-md5":
			must = true
		case "if-range":
			must = c.signs([]byte("range"))
		case "x-amz-content-sha256":
		default:
			must = hasNamePrefix(name, "x-amz-")
		}
		if !must || c.signs(name) || i > 0 && bytes.Equal(name, c.fields[i-1].name) {
			continue
		}
		if missing != nil {
			missing = append(missing, ", "...)
		}
		missing = append(missing, name...)
	}
	if !host && !c.signs([]byte("host")) {
		if missing != nil {
			missing = append(missing, ", "...)
		}
		missing = append(missing, "host"...)
	}
	if missing == nil {
		return nil
	}
	return refuse("AccessDenied", notSigned, Element{"HeadersNotSigned", text(missing)})
}
