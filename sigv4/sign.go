package sigv4

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// Credentials are what a Signer signs with. SessionToken is empty for long-term keys.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Signer signs requests for one region and service. It is the Verifier's twin, and safe for concurrent use.
type Signer struct {
	region, service []byte
	keys            *keyCache
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
	timestamp    []byte
	scope        []byte
	stringToSign []byte
	signature    []byte
	name         []byte // cache name
	query        []byte
}

func (s *Signer) begin(c *Credentials, t time.Time) (*signature, *signingKey) {
	z, _ := s.scratch.Get().(*signature)
	if z == nil {
		z = new(signature)
	}
	z.accessKeyID = append(z.accessKeyID[:0], c.AccessKeyID...)
	z.timestamp = AppendTimestamp(z.timestamp[:0], t)
	date := z.timestamp[:8]
	z.scope = append(append(z.scope[:0], date...), '/')
	z.scope = append(append(z.scope, s.region...), '/')
	z.scope = append(append(z.scope, s.service...), '/')
	z.scope = append(z.scope, terminal...)
	return z, s.keys.get(&z.name, z.accessKeyID, c.SecretAccessKey, date, s.region, s.service)
}

// end gives the memory back without holding on to the message's.
func (s *Signer) end(z *signature) {
	clear(z.canonical.fields)
	clear(z.canonical.signed[:cap(z.canonical.signed)])
	s.scratch.Put(z)
}

func (z *signature) sign(m *Message, payloadHash []byte, key *signingKey) {
	request := z.canonical.appendCanonicalRequest(m, payloadHash, reading{})
	z.stringToSign = appendStringToSign(z.stringToSign[:0], z.timestamp, z.scope, request)
	z.signature = key.sign(z.signature[:0], z.stringToSign)
}

// AppendAuthorization appends the value of the Authorization header for m. m.Header already holds Host, X-Amz-Date
// (which is t, see AppendTimestamp), X-Amz-Content-Sha256, the header of the session token (X-Amz-Security-Token, or
// X-Amz-S3session-Token towards directory buckets), and everything else that is to be signed. All of it is signed but
// Authorization, User-Agent, X-Amzn-Trace-Id and the headers that belong to a hop. Without X-Amz-Content-Sha256 the
// payload counts as UNSIGNED-PAYLOAD. It allocates nothing in steady state.
func (s *Signer) AppendAuthorization(dst []byte, m *Message, c *Credentials, t time.Time) []byte {
	z, key := s.begin(c, t)
	defer s.end(z)
	z.canonical.sortFields(m)
	z.canonical.signAll()
	payloadHash, n := m.header("x-amz-content-sha256")
	if n == 0 {
		payloadHash = unsignedPayload
	}
	z.sign(m, payloadHash, key)

	dst = append(dst, algorithm+" Credential="...)
	dst = append(dst, c.AccessKeyID...)
	dst = append(dst, '/')
	dst = append(dst, z.scope...)
	dst = append(dst, ", SignedHeaders="...)
	dst = z.canonical.appendSignedHeaders(dst)
	dst = append(dst, ", Signature="...)
	return append(dst, z.signature...)
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
	q = appendQueryEscaped(q, z.scope)
	q = append(append(q, "&X-Amz-Date="...), z.timestamp...)
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

	payloadHash, n := m.header("x-amz-content-sha256")
	if n == 0 {
		payloadHash = unsignedPayload
	}
	presigned := *m
	presigned.Query = q
	z.sign(&presigned, payloadHash, key)
	dst = append(dst, q...)
	dst = append(dst, "&X-Amz-Signature="...)
	return append(dst, z.signature...)
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
