package access

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// authenticate finds the secret behind the request's access key and checks the signature with it. With a session
// the order is: open the token, expiry, access key id, bucket, signature; with temporary credentials it is the same.
func (x *Grant) authenticate(ctx context.Context) error {
	ids := x.c.identities.Load()
	a := &x.Auth
	if a.SessionToken != nil && session.IsTemporary(s3.View(a.SessionToken)) {
		// minio-go, which makes sessions at Amazon's endpoints only, sends the token of temporary credentials for a directory
		// bucket so. The request is signed with them all the same.
		a.SecurityToken, a.SessionToken = a.SessionToken, nil
	}
	if a.SessionToken != nil {
		return x.authenticateSession(ctx, ids)
	}
	return x.authenticateKey(ctx, x.c.verifier, ids)
}

func (x *Grant) authenticateSession(ctx context.Context, ids *Identities) error {
	a := &x.Auth
	o, err := x.openToken(ctx, a.SessionToken, false)
	if err != nil {
		return err
	}
	issued, credentials := o.session, o.credentials
	switch {
	case credentials.AccessKeyID != s3.View(a.AccessKeyID):
		x.loginFailed(nil)
		e := invalidToken(a.SessionToken)
		e.Row = "SE-5"
		return e
	case issued.Bucket != x.Bucket:
		e := s3.AccessDenied()
		e.Row = "SE-4"
		return e
	}
	id := ids.byName[issued.Principal]
	if issued.Assumed != nil {
		if id, err = x.sessionOf(ctx, ids, o, issued.Assumed); err != nil {
			return err
		}
	}
	if id == nil {
		return sigv4.InvalidAccessKeyID(a.AccessKeyID)
	}
	if err := x.verify(x.c.verifier, id, credentials.SecretAccessKey); err != nil {
		return err
	}
	x.issued = issued
	x.Session = &x.sessionFacts
	x.sessionFacts = policy.Session{
		Bucket: issued.Bucket, Principal: issued.Principal, Provisional: issued.Incarnation == "",
		Encryption: policy.Encryption{SSE: policy.SSES3},
	}
	if x.ReadOnly = issued.ReadOnly; x.ReadOnly {
		x.Session.Mode = policy.ReadOnly
	}
	if issued.KMS {
		x.Session.Encryption = policy.Encryption{SSE: policy.SSEKMS, KeyARN: issued.KeyARN, BucketKey: true}
	}
	return nil
}

// openToken opens a token of CreateSession, or of temporary credentials. A token under a session key that this replica
// hasn't seen costs a request to the store, so such tokens count as failed logins of their address until one opens.
func (x *Grant) openToken(ctx context.Context, given []byte, temporary bool) (*opened, error) {
	if o, ok := x.c.opened.Get(s3.View(given)); ok && (o.temporary != nil) == temporary {
		if x.Start.After(o.credentials.Expires.Add(session.Grace)) {
			return nil, expiredToken(given)
		}
		return o, nil
	}
	token := string(given)
	keyID, ok := session.KeyID(token)
	if !(ok && x.c.logins.Load().knowsSessionKey(keyID)) && !x.mayLogIn(nil) {
		return nil, x.tooManyFailures()
	}
	o := new(opened)
	var err error
	if temporary {
		o.temporary, o.credentials, err = session.OpenTemporary(ctx, x.c.o.Sessions, token, x.Start)
	} else {
		o.session, o.credentials, err = session.Open(ctx, x.c.o.Sessions, token, x.Start)
	}
	switch {
	case err == nil:
		x.c.logins.Load().recordSessionKey(keyID)
		x.c.opened.Add(token, o)
		return o, nil
	case errors.Is(err, session.ErrMalformed):
		x.loginFailed(nil)
		return nil, invalidToken(given)
	case errors.Is(err, session.ErrExpired):
		return nil, expiredToken(given)
	}
	return nil, s3.Unavailable(err)
}

// verify checks the signature with an identity's secret, or that of its session. id is nil for an unknown access key:
// it is refused without any cryptography.
func (x *Grant) verify(verifier *sigv4.Verifier, id *Identity, sessionSecret string) error {
	if !x.mayLogIn(id) {
		return x.tooManyFailures()
	}
	secret := sessionSecret
	if id != nil && secret == "" {
		secret = id.SecretAccessKey
	}
	var err error
	if x.Auth.Kind == sigv4.Form {
		err = verifier.CheckForm(&x.Auth, secret)
	} else {
		err = verifier.Check(&x.Message, &x.Auth, secret)
	}
	if err != nil {
		var refused *sigv4.Error
		if errors.As(err, &refused) && (refused.Code == "SignatureDoesNotMatch" || refused.Code == "InvalidAccessKeyId") {
			x.loginFailed(id)
		}
		return err
	}
	x.Identity = id
	x.caller = id.caller(x.c.o.Account, (*conditionValues)(x))
	if err := x.checkCertificate(id); err != nil {
		return err
	}
	return x.charge(id)
}

func invalidToken(token []byte) *s3.Error {
	return s3.Refuse("InvalidToken", "The provided token is malformed or otherwise invalid.", "Token-0",
		strings.ToValidUTF8(string(token), "\uFFFD"))
}

func expiredToken(token []byte) *s3.Error {
	return s3.Refuse("ExpiredToken", "The provided token has expired.", "Token-0",
		strings.ToValidUTF8(string(token), "\uFFFD"))
}

func (x *Grant) tooManyFailures() *s3.Error {
	x.c.shed(ShedLogins)
	return s3.Refuse("SlowDown",
		"Please reduce your request rate: too many requests with these credentials failed to authenticate.")
}

// errCertificate is for the log.
var errCertificate = errors.New("the request came without the client certificate that its identity needs")

// checkCertificate checks the client certificate that an identity requires in addition to the signature: a stolen
// secret alone is of no use then. A request through a trusted proxy has no client certificate and is refused.
func (x *Grant) checkCertificate(id *Identity) error {
	if len(id.Certificates) == 0 {
		return nil
	}
	if state := x.Peer.TLSConnectionState(); state != nil && len(state.VerifiedChains) > 0 {
		for _, name := range certificateNames(state.PeerCertificates[0]) {
			if slices.Contains(id.Certificates, name) {
				return nil
			}
		}
	}
	e := s3.AccessDenied()
	e.Cause = errCertificate
	return e
}

// certificateNames are the names in a certificate as Identity.Certificates has them: the subject's common name, the
// whole subject as RFC 2253 writes it, and the alternative names.
func certificateNames(c *x509.Certificate) []string {
	names := []string{"cn:" + c.Subject.CommonName, "subject:" + c.Subject.String()}
	for _, n := range c.DNSNames {
		names = append(names, "dns:"+n)
	}
	for _, n := range c.EmailAddresses {
		names = append(names, "email:"+n)
	}
	for _, n := range c.URIs {
		names = append(names, "uri:"+n.String())
	}
	return names
}

// charge counts a request with a valid signature against its identity's share, or refuses it: no identity can use
// another's share.
func (x *Grant) charge(id *Identity) error {
	s := id.share
	if id.RequestsPerSecond > 0 {
		burst := float64(id.Burst)
		if burst <= 0 {
			burst = max(1, id.RequestsPerSecond)
		}
		if !s.take(id.RequestsPerSecond, burst, x.Start) {
			return x.slowDown(ShedRate)
		}
	}
	active := s.active.Add(1)
	x.charged = s
	if id.Concurrency > 0 && active > int64(id.Concurrency) {
		return x.slowDown(ShedConcurrency)
	}
	return nil
}

// slowDown is 503 SlowDown for a caller that has used up its share.
func (x *Grant) slowDown(reason string) error {
	x.c.shed(reason)
	return s3.SlowDown()
}

// mayLogIn reports whether the request's address may try the identity's secret, or with nil any unknown one.
func (x *Grant) mayLogIn(id *Identity) bool {
	l := x.c.logins.Load()
	return l == nil || !l.failures.Load() || l.allows(x.loginPair(id))
}

// loginFailed counts a failed login of the request's address.
func (x *Grant) loginFailed(id *Identity) {
	if l := x.c.logins.Load(); l != nil {
		l.countFailure(x.loginPair(id))
	}
}

func (x *Grant) loginPair(id *Identity) loginPair {
	p := loginPair{address: x.source()}
	if id != nil {
		p.accessKey = id.AccessKeyID
	}
	return p
}

// source is the network that the request comes from, as failed logins are counted.
func (x *Grant) source() netip.Addr {
	address := x.Client()
	if address.Is6() {
		network, _ := address.Prefix(64) // 64 fits every IPv6 address
		address = network.Addr()
	}
	return address
}

// opened is the content of a token. It stays valid: only time can end it, and its principal, its bucket and its role
// are checked for each request anyway.
type opened struct {
	session     session.Session
	temporary   *session.Temporary // of temporary credentials; session is zero then
	credentials session.Credentials

	assumed atomic.Pointer[resolved] // the role's session; nil until it is asked for
}

// openedSessions is how many of them are cached, about 1 KiB each.
const openedSessions = 8192

func newOpenedSessions() *lru.Cache[string, *opened] {
	cache, err := lru.New[string, *opened](openedSessions)
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	return cache
}
