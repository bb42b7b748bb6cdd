package sigv4

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Credentials are what a Signer signs with. SessionToken is empty for long-term keys.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Signer signs requests for one region and service. It is the Verifier's twin, and safe for concurrent use.
type Signer struct {
	region, service []byte
	keys            *keyCache
	layouts         layouts
	stamp           atomic.Pointer[stamp]
	scratch         sync.Pool // of *signature
}

// NewSigner returns a Signer. For directory buckets the service is "s3express".
func NewSigner(region, service string) *Signer {
	return &Signer{region: []byte(region), service: []byte(service), keys: newKeyCache(signerKeys)}
}

// signerKeys is room for a day's change and some credentials.
const signerKeys = 64

// signature is the memory in which one request is signed.
type signature struct {
	canonical    canonicalizer
	accessKeyID  []byte
	stamp        *stamp
	stringToSign []byte
	name         []byte // cache name
	query        []byte
}

// stamp is what all requests of one second have in common. It doesn't change.
type stamp struct {
	second    int64
	timestamp [16]byte
	scope     []byte
}

// stampAt returns the stamp of the second that t is in. It is made anew only when the one made last is of another.
func (s *Signer) stampAt(t time.Time) *stamp {
	second := t.Unix()
	if z := s.stamp.Load(); z != nil && z.second == second {
		return z
	}
	z := &stamp{second: second}
	AppendTimestamp(z.timestamp[:0], t)
	z.scope = append(append(z.scope, z.timestamp[:8]...), '/')
	z.scope = append(append(z.scope, s.region...), '/')
	z.scope = append(append(z.scope, s.service...), '/')
	z.scope = append(z.scope, terminal...)
	s.stamp.Store(z)
	return z
}

// AppendTimestamp appends t as the function of that name does. It is cheaper in the second of the request before.
func (s *Signer) AppendTimestamp(dst []byte, t time.Time) []byte {
	return append(dst, s.stampAt(t).timestamp[:]...)
}

func (s *Signer) begin(c *Credentials, t time.Time) (*signature, *signingKey) {
	z, _ := s.scratch.Get().(*signature)
	if z == nil {
		z = new(signature)
	}
	z.accessKeyID = append(z.accessKeyID[:0], c.AccessKeyID...)
	z.stamp = s.stampAt(t)
	return z, s.keys.get(&z.name, z.accessKeyID, c.SecretAccessKey, z.stamp.scope)
}

// end gives the memory back without holding on to the message's.
func (s *Signer) end(z *signature) {
	if len(z.canonical.fields) > 0 {
		clear(z.canonical.fields)
		clear(z.canonical.signed[:cap(z.canonical.signed)])
		z.canonical.fields = z.canonical.fields[:0]
	}
	s.scratch.Put(z)
}

// sign appends the signature of a canonical request.
func (z *signature) sign(dst, request []byte, key *signingKey) []byte {
	z.stringToSign = appendStringToSign(z.stringToSign[:0], z.stamp.timestamp[:], z.stamp.scope, request)
	return key.sign(dst, z.stringToSign)
}

// AppendAuthorization appends the value of the Authorization header for m. m.Header already holds Host, X-Amz-Date
// (which is t, see AppendTimestamp), X-Amz-Content-Sha256, the header of the session token (X-Amz-Security-Token, or
// X-Amz-S3session-Token towards directory buckets), and everything else that is to be signed. All of it is signed but
// Authorization, User-Agent, X-Amzn-Trace-Id and the headers that belong to a hop. Without X-Amz-Content-Sha256 the
// payload counts as UNSIGNED-PAYLOAD. It allocates nothing in steady state.
func (s *Signer) AppendAuthorization(dst []byte, m *Message, c *Credentials, t time.Time) []byte {
	z, key := s.begin(c, t)
	defer s.end(z)
	dst = append(dst, credentialBegin...)
	dst = append(dst, c.AccessKeyID...)
	dst = append(dst, '/')
	dst = append(dst, z.stamp.scope...)
	dst = append(dst, ", SignedHeaders="...)
	request, l := s.usualRequest(z, m)
	if l != nil {
		dst = append(dst, l.tail[len("\n\n"):len(l.tail)-len("\n")]...)
	} else {
		request = s.anyRequest(z, m)
		dst = z.canonical.appendSignedHeaders(dst)
	}
	dst = append(dst, ", Signature="...)
	return z.sign(dst, request, key)
}

// usualRequest returns the canonical request of a message whose layout is known, and the layout; nil for others.
func (s *Signer) usualRequest(z *signature, m *Message) ([]byte, *layout) {
	l := s.layouts.find(m.Header)
	if l == nil {
		return nil, nil
	}
	payloadHash := unsignedPayload
	if l.places[contentSHA256Place] >= 0 {
		payloadHash = l.value(m, contentSHA256Place)
	}
	request, ok := l.appendCanonicalRequest(&z.canonical, m, payloadHash)
	if !ok {
		return nil, nil
	}
	return request, l
}

// anyRequest returns the canonical request of a message, and remembers its layout.
func (s *Signer) anyRequest(z *signature, m *Message) []byte {
	c := &z.canonical
	c.sortFields(m)
	c.signAll()
	if s.layouts.admits(m.Header) {
		s.layouts.put(m.Header, newLayout(m.Header, c, nil))
	}
	return c.appendCanonicalRequest(m, payloadHashOf(m), reading{})
}

func payloadHashOf(m *Message) []byte {
	hash, n := m.header("x-amz-content-sha256")
	if n == 0 {
		return unsignedPayload
	}
	return hash
}

// AppendPresigned appends the query of a presigned URL for m: m's own query, then the X-Amz-* parameters. All of m's
// header fields are signed, as a rule Host alone. The session token goes into X-Amz-S3session-Token for the service
// s3express, into X-Amz-Security-Token for others. expires is rounded down to whole seconds; S3 takes up to a week.
func (s *Signer) AppendPresigned(dst []byte, m *Message, c *Credentials, t time.Time, expires time.Duration) []byte {
	z, key := s.begin(c, t)
	defer s.end(z)
	z.canonical.sortFields(m)
	z.canonical.signAll()

	q := append(z.query[:0], m.Query...)
	if len(q) > 0 {
		q = append(q, '&')
	}
	q = append(q, "X-Amz-Algorithm="+algorithm+"&X-Amz-Credential="...)
	q = appendQueryEscaped(q, z.accessKeyID)
	q = append(q, "%2F"...)
	q = appendQueryEscaped(q, z.stamp.scope)
	q = append(append(q, "&X-Amz-Date="...), z.stamp.timestamp[:]...)
	q = strconv.AppendInt(append(q, "&X-Amz-Expires="...), int64(expires/time.Second), 10)
	if c.SessionToken != "" {
		if string(s.service) == "s3express" {
			q = append(q, "&X-Amz-S3session-Token="...)
		} else {
			q = append(q, "&X-Amz-Security-Token="...)
		}
		q = appendQueryEscaped(q, []byte(c.SessionToken))
	}
	q = append(q, "&X-Amz-SignedHeaders="...)
	for i, name := range z.canonical.signed {
		if i > 0 {
			q = append(q, "%3B"...)
		}
		q = append(q, name...)
	}
	z.query = q

	presigned := *m
	presigned.Query = q
	dst = append(dst, q...)
	dst = append(dst, "&X-Amz-Signature="...)
	return z.sign(dst, z.canonical.appendCanonicalRequest(&presigned, payloadHashOf(m), reading{}), key)
}

// appendQueryEscaped percent-encodes plain bytes for a query.
func appendQueryEscaped(dst, plain []byte) []byte {
	dst = slices.Grow(dst, len(plain))
	for _, c := range plain {
		if unreserved[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// SignForm returns the signature of a form POST's policy, 64 hexadecimal digits. policy is the base64 text as it goes
// into the form; t is the form's x-amz-date.
func (s *Signer) SignForm(policy []byte, c *Credentials, t time.Time) string {
	z, key := s.begin(c, t)
	defer s.end(z)
	return string(key.sign(nil, policy))
}
