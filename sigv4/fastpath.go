package sigv4

import (
	"bytes"
	"time"
)

// This file is faster than it is plain: it reads and canonicalizes requests of a layout that is known, the way nearly
// all come. What it accepts Verifier.read accepts, with the same Authentication, and what it signs Signer.anyRequest
// signs. FuzzRememberedLayout compares them, TestSkew the times.

const signatureSize = 64

// readUsual reads a header-signed request of a known layout, the way nearly all come: in one go, with nothing about
// authentication in the query. It returns false for any other, and for every one that is to be refused; a is without
// meaning then, and read says why.
func (v *Verifier) readUsual(now time.Time, m *Message, a *Authentication, l *layout, services []string) bool {
	if !l.usual || !isHeaderList(m.Method) || !m.wholeLines() || !validEscapes(m.Path) ||
		len(m.Query) > 0 && string(m.Query) != l.query && !a.plainQuery(m.Query) ||
		l.places[contentTypePlace] >= 0 && string(m.Method) == "POST" {
		return false
	}
	if !l.readAuthorization(a, l.value(m, authorizationPlace), v.keys) || !a.readTimestamp(l.value(m, amzDatePlace)) ||
		skewed(now, a.Time) ||
		!contains(v.regions, a.Region) || !contains(services, a.Service) ||
		string(a.timestamp[:len(a.Date)]) != string(a.Date) {
		return false
	}
	a.SessionToken, a.SecurityToken = l.value(m, sessionTokenPlace), l.value(m, securityTokenPlace)
	if len(a.SessionToken) == 0 {
		a.SessionToken = nil
	}
	if len(a.SecurityToken) == 0 {
		a.SecurityToken = nil
	}
	if a.SessionToken != nil && a.SecurityToken != nil ||
		a.readPayload(l.value(m, contentSHA256Place), 1, true) != nil {
		return false
	}
	a.Kind, a.layout = Header, l
	return true
}

// plainQuery reports whether a query says nothing about authentication.
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

// learn takes from a message, which was read into a and has verified, what readUsual needs of the next.
func (l *layout) learn(m *Message, a *Authentication) {
	if a.Kind != Header || l.places[amzDatePlace] < 0 || l.places[contentSHA256Place] < 0 ||
		len(a.Signature) != signatureSize {
		return
	}
	if len(m.Query) <= maxQuery {
		if q, _ := parseQuery(m.Query, nil); q.empty() {
			l.query, l.canonicalQuery = string(m.Query), string(a.canonical.appendCanonicalQuery(nil, m.Query))
		}
	}
	before := credentialBegin + string(a.AccessKeyID) + "/" + string(a.Scope)
	for _, comma := range [...]string{", ", ","} {
		middle := comma + "SignedHeaders=" + l.signedHeaders + comma + "Signature="
		if string(l.value(m, authorizationPlace)) == before+middle+string(a.Signature) {
			l.usual, l.middle, l.listAt = true, middle, len(comma)+len("SignedHeaders=")
		}
	}
}

// readCredential takes raw into a if it is the Credential that this key was found by. A Verifier's keys are only found
// by ones that parseCredential has accepted.
func (k *signingKey) readCredential(a *Authentication, raw []byte) (ok bool) {
	scope := len(raw) - k.scopeSize
	if len(raw) != len(k.name) || scope < 1 || raw[scope-1] != '/' || string(raw[scope:]) != k.name[:k.scopeSize] ||
		string(raw[:scope-1]) != k.name[k.scopeSize+1:] {
		return false
	}
	region := scope + len("yyyymmdd/")
	service := region + k.regionSize + 1
	a.AccessKeyID, a.Date, a.Region = raw[:scope-1], raw[scope:region-1], raw[region:service-1]
	a.Service, a.Scope = raw[service:len(raw)-len("/"+terminal)], raw[scope:]
	a.candidate = k
	return true
}

// appendCanonicalRequest puts the canonical request into c.text and returns it, as canonicalizer.appendCanonicalRequest
// does in S3's way of reading, for a message of this layout. ok is false if a value holds a run of spaces, which this
// function doesn't treat.
func (l *layout) appendCanonicalRequest(c *canonicalizer, m *Message, payloadHash []byte) (request []byte, ok bool) {
	t := c.appendPath(append(append(c.text[:0], m.Method...), '\n'), m, reading{})
	t = append(t, '\n')
	if len(m.Query) > 0 && string(m.Query) == l.query {
		t = append(t, l.canonicalQuery...)
	} else {
		t = c.appendCanonicalQuery(t, m.Query)
	}
	t = append(t, '\n')
	headers, start := len(t), 0
	for i := range l.lines[:l.signed] {
		end := int(l.lines[i].labelEnd)
		t = append(t, l.labels[start:end]...)
		t = append(t, trim(m.Header[l.lines[i].field].Value)...)
		start = end
	}
	ok = !bytes.Contains(t[headers:], doubleSpace)
	t = append(t, l.tail...)
	t = append(t, payloadHash...)
	c.text, c.spaceRun = t, false
	return t, ok
}

// skewed reports whether a request's time is too far from now in either direction. It is that of an x-amz-date, in
// whole seconds.
func skewed(now, signed time.Time) bool {
	const most = int64(maxSkew / time.Second)
	seconds := now.Unix() - signed.Unix() // rounded down
	return seconds > most || seconds < -most || seconds == most && now.Nanosecond() > 0
}
