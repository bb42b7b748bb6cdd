package access

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// authenticate finds the secret behind the request's access key and checks the signature with it. With a session
// the order is: open the token, expiry, access key id, bucket, signature.
func (x *Grant) authenticate(ctx context.Context) error {
	ids := x.c.identities.Load()
	a := &x.Auth
	if a.SessionToken != nil {
		return x.authenticateSession(ctx, ids)
	}
	if err := x.verify(ids.byAccessKey[s3.View(a.AccessKeyID)], ""); err != nil {
		return err
	}
	if a.SecurityToken != nil {
		return invalidToken(a.SecurityToken)
	}
	return nil
}

func (x *Grant) authenticateSession(ctx context.Context, ids *Identities) error {
	a := &x.Auth
	issued, credentials, err := x.openToken(ctx)
	switch {
	case errors.Is(err, session.ErrExpired):
		return expiredToken(a.SessionToken)
	case err != nil:
		return err
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
	if id == nil {
		return sigv4.InvalidAccessKeyID(a.AccessKeyID)
	}
	if err := x.verify(id, credentials.SecretAccessKey); err != nil {
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

// openToken opens the session token. A token under a session key that this replica hasn't seen costs a look into the
// store, so such ones count as failed logins of their address until one opens.
func (x *Grant) openToken(ctx context.Context) (session.Session, session.Credentials, error) {
	if o, ok := x.c.opened.Get(s3.View(x.Auth.SessionToken)); ok {
		if x.Start.After(o.session.Expires.Add(session.Grace)) {
			return o.session, o.credentials, session.ErrExpired
		}
		return o.session, o.credentials, nil
	}
	token := string(x.Auth.SessionToken)
	keyID, ok := session.KeyID(token)
	if !(ok && x.c.logins.Load().seen(keyID)) && !x.mayLogIn(nil) {
		return session.Session{}, session.Credentials{}, x.tooManyFailures()
	}
	issued, credentials, err := session.Open(ctx, x.c.o.Sessions, token, x.Start)
	switch {
	case err == nil:
		x.c.logins.Load().see(keyID)
		x.c.opened.Add(token, &openedSession{issued, credentials})
	case errors.Is(err, session.ErrMalformed):
		x.loginFailed(nil)
		err = invalidToken(x.Auth.SessionToken)
	case !errors.Is(err, session.ErrExpired):
		err = s3.Unavailable(err)
	}
	return issued, credentials, err
}

// verify checks the signature with an identity's secret, or that of its session. id is nil for an access key that
// nobody has: it is refused without any cryptography.
func (x *Grant) verify(id *Identity, sessionSecret string) error {
	if !x.mayLogIn(id) {
		return x.tooManyFailures()
	}
	secret := sessionSecret
	if id != nil && secret == "" {
		secret = id.SecretAccessKey
	}
	var err error
	if x.Auth.Kind == sigv4.Form {
		err = x.c.verifier.CheckForm(&x.Auth, secret)
	} else {
		err = x.c.verifier.Check(&x.Message, &x.Auth, secret)
	}
	if err != nil {
		var refused *sigv4.Error
		if errors.As(err, &refused) && (refused.Code == "SignatureDoesNotMatch" || refused.Code == "InvalidAccessKeyId") {
			x.loginFailed(id)
		}
		return err
	}
	x.Identity = id
	x.caller = policy.Caller{Principal: id.ARN, Account: x.c.o.Account, Policy: id.Policy, Values: (*conditionValues)(x)}
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

// checkCertificate holds an identity's requests to its client certificate, in addition to their signature: a stolen
// secret alone is of no use then. Who asks through a trusted proxy shows no certificate here and is refused.
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

// charge counts a request whose signature is right as its identity's, or turns it away: nobody uses up what is another
// one's.
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

// slowDown is the refusal of a caller that has used up its share.
func (x *Grant) slowDown(reason string) error {
	x.c.shed(reason)
	return s3.SlowDown()
}

// mayLogIn reports whether the request's address may try the identity's secret, or with nil any that nobody has.
func (x *Grant) mayLogIn(id *Identity) bool {
	l := x.c.logins.Load()
	return l == nil || !l.failures.Load() || l.may(x.loginPair(id))
}

// loginFailed counts a failed login of the request's address.
func (x *Grant) loginFailed(id *Identity) {
	if l := x.c.logins.Load(); l != nil {
		l.failed(x.loginPair(id))
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

// An openedSession is what a session token says. Opening it again would say the same: nothing but the time can end it,
// its principal and its bucket are looked at for each request anyway.
type openedSession struct {
	session     session.Session
	credentials session.Credentials
}

// openedSessions is how many of them are kept, some 1 KiB each.
const openedSessions = 8192

func newOpenedSessions() *lru.Cache[string, *openedSession] {
	opened, err := lru.New[string, *openedSession](openedSessions)
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	return opened
}
