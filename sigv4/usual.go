package sigv4

import (
	"bytes"
	"time"
)

// readUsual reads a header-signed request of a known layout, the way nearly all come: in one go, with nothing about
// authentication in the query. It returns false for any other, and for every one that is to be refused; a is without
// meaning then, and read tells the reason. What it accepts read accepts, with the same a: FuzzRememberedLayout.
func (v *Verifier) readUsual(now time.Time, m *Message, a *Authentication, l *layout, services []string) bool {
	if !l.usual || !isHeaderList(m.Method) || !m.wholeLines() || !validEscapes(m.Path) ||
		len(m.Query) > 0 && string(m.Query) != l.query && !a.plainQuery(m.Query) || l.places[contentTypePlace] >= 0 && string(m.Method) == "POST" {
		return false
	}
	if !l.readAuthorization(a, l.value(m, authorizationPlace), v.keys) || !a.readTimestamp(l.value(m, amzDatePlace)) || skewed(now, a.Time) ||
		!contains(v.regions, a.Region) || !contains(services, a.Service) || string(a.timestamp[:len(a.Date)]) != string(a.Date) {
		return false
	}
	a.SessionToken, a.SecurityToken = l.value(m, sessionTokenPlace), l.value(m, securityTokenPlace)
	if len(a.SessionToken) == 0 {
		a.SessionToken = nil
	}
	if len(a.SecurityToken) == 0 {
		a.SecurityToken = nil
	}
	if a.SessionToken != nil && a.SecurityToken != nil || a.readPayload(l.value(m, contentSHA256Place), 1, true) != nil {
		return false
	}
	a.Kind, a.layout = Header, l
	return true
}

// plainQuery tells whether a query says nothing about authentication.
func (a *Authentication) plainQuery(query []byte) bool {
	var q queryAuthentication
	q, a.decoded = parseQuery(query, a.decoded)
	return q.empty() && validEscapes(query)
}

// readTimestamp takes x-amz-date. It is parsed only if it isn't that of the request before.
func (a *Authentication) readTimestamp(s []byte) (ok bool) {
	if len(s) != len(a.timestamp) {
		return false
	}
	a.timestamp = [16]byte(s)
	if a.timestamp == a.lastTimestamp && s[8] == 'T' { // not the zero value
		a.Time = a.lastTime
		return true
	}
	if a.Time, ok = parseTimestamp(s); ok {
		a.lastTimestamp, a.lastTime = a.timestamp, a.Time
	}
	return ok
}

// readAuthorization takes an Authorization header that has this layout's SignedHeaders in their usual place into a. It
// returns false for any other, and for one that is to be refused: parseAuthorization reads every form.
func (l *layout) readAuthorization(a *Authentication, s []byte, keys *keyCache) bool {
	signature := len(s) - signatureSize
	middle := signature - len(l.middle)
	if middle < len(credentialBegin) || string(s[:len(credentialBegin)]) != credentialBegin ||
		string(s[middle:signature]) != l.middle || bytes.IndexByte(s[signature:], ',') >= 0 {
		return false
	}
	list := middle + l.listAt
	a.signedHeaders, a.Signature = s[list:list+len(l.signedHeaders)], s[signature:]
	raw := s[len(credentialBegin):middle]
	if bytes.IndexByte(raw, ',') >= 0 { // elsewhere than in this header it may be part of a credential
		return false
	}
	if k := keys.slotOf(raw).Load(); k != nil && k.readCredential(a, raw) {
		return true
	}
	c, err := parseCredential(raw, headerGrammar)
	if err != nil {
		return false
	}
	a.setCredential(&c)
	return true
}
