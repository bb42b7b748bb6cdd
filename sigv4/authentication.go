package sigv4

import (
	"bytes"
	"time"
)

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

	SessionToken  []byte // x-amz-s3session-token, from header, query or form; nil if absent or empty
	SecurityToken []byte // x-amz-security-token, likewise; never both

	Time        time.Time     // when it was signed
	Expires     time.Duration // how long from Time a presigned request is good; otherwise zero
	PayloadHash []byte        // the last line of the canonical request
	Signature   []byte        // as sent

	signedHeaders []byte // as sent
	timestamp     [16]byte
	bodyHash      [64]byte
	policy        []byte      // of a form: base64, as sent
	key           *signingKey // set when the signature has been found right
	layout        *layout     // of the header, with these signedHeaders; nil if it isn't known
	candidate     *signingKey // of this credential and an unknown secret; nil if none was at hand

	canonical    canonicalizer
	decoded      []byte // query values
	stringToSign []byte
	computed     []byte // signature
	name         []byte // cache name

	// The timestamp parsed last, whoever sent it.
	lastTimestamp [16]byte
	lastTime      time.Time
}

func (a *Authentication) reset() {
	*a = Authentication{
		canonical: a.canonical, decoded: a.decoded, stringToSign: a.stringToSign, computed: a.computed, name: a.name,
		lastTimestamp: a.lastTimestamp, lastTime: a.lastTime,
	}
}

// header returns the trimmed value of the first field at a place of m and how many there are, as Message.header does.
func (a *Authentication) header(m *Message, p place) (value []byte, n int) {
	l := a.layout
	if l == nil || len(m.Header) != l.fields {
		return m.header(placeNames[p])
	}
	if i := l.places[p]; i >= 0 {
		return trim(m.Header[i].Value), 1
	}
	return nil, 0
}

func (a *Authentication) setCredential(c *credential) {
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Scope = c.accessKeyID, c.date, c.region, c.service, c.scope
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
	if len(a.SessionToken) == 0 {
		a.SessionToken = nil
	}
	if len(a.SecurityToken) == 0 {
		a.SecurityToken = nil
	}
	if a.SessionToken != nil && a.SecurityToken != nil {
		return refuse("InvalidRequest", "The x-amz-security-token and x-amz-s3session-token parameters must not be used together.")
	}
	return nil
}
