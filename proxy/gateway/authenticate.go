package gateway

import (
	"errors"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// authenticate finds the secret behind the request's access key and checks the signature with it. With a session
// the order is: open the token, expiry, access key id, bucket, signature.
func (x *exchange) authenticate() error {
	ids := x.g.identities.Load()
	a := &x.auth
	if a.SessionToken != nil {
		return x.authenticateSession(ids)
	}
	if err := x.verify(ids.byAccessKey[s3.View(a.AccessKeyID)], ""); err != nil {
		return err
	}
	if a.SecurityToken != nil {
		return invalidToken(a.SecurityToken)
	}
	return nil
}

func (x *exchange) authenticateSession(ids *Identities) error {
	a := &x.auth
	issued, credentials, err := x.openToken()
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
	x.session = &x.sessionFacts
	x.sessionFacts = policy.Session{
		Bucket: issued.Bucket, Principal: issued.Principal, Provisional: issued.Incarnation == "",
		Encryption: policy.Encryption{SSE: policy.SSES3},
	}
	if issued.ReadOnly {
		x.session.Mode = policy.ReadOnly
	}
	if issued.KMS {
		x.session.Encryption = policy.Encryption{SSE: policy.SSEKMS, KeyARN: issued.KeyARN, BucketKey: true}
	}
	return nil
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

// openToken opens the session token. A token under a session key that this replica hasn't seen costs a look into the
// store, so such ones count as failed logins of their address until one opens.
func (x *exchange) openToken() (session.Session, session.Credentials, error) {
	if o, ok := x.g.opened.Get(s3.View(x.auth.SessionToken)); ok {
		if x.start.After(o.session.Expires.Add(session.Grace)) {
			return o.session, o.credentials, session.ErrExpired
		}
		return o.session, o.credentials, nil
	}
	token := string(x.auth.SessionToken)
	keyID, ok := session.KeyID(token)
	if !(ok && x.g.logins.Load().seen(keyID)) && !x.mayLogIn(nil) {
		return session.Session{}, session.Credentials{}, x.tooManyFailures()
	}
	issued, credentials, err := session.Open(x.Context, x.g.o.Sessions, token, x.start)
	switch {
	case err == nil:
		x.g.logins.Load().see(keyID)
		x.g.opened.Add(token, &openedSession{issued, credentials})
	case errors.Is(err, session.ErrMalformed):
		x.loginFailed(nil)
		err = invalidToken(x.auth.SessionToken)
	case !errors.Is(err, session.ErrExpired):
		err = s3.Unavailable(err)
	}
	return issued, credentials, err
}

// verify checks the signature with an identity's secret, or that of its session. id is nil for an access key that
// nobody has: it is refused without any cryptography.
func (x *exchange) verify(id *Identity, sessionSecret string) error {
	if !x.mayLogIn(id) {
		return x.tooManyFailures()
	}
	secret := sessionSecret
	if id != nil && secret == "" {
		secret = id.SecretAccessKey
	}
	var err error
	if x.auth.Kind == sigv4.Form {
		err = x.verifier().CheckForm(&x.auth, secret)
	} else {
		err = x.verifier().Check(&x.message, &x.auth, secret)
	}
	if err != nil {
		var refused *sigv4.Error
		if errors.As(err, &refused) && (refused.Code == "SignatureDoesNotMatch" || refused.Code == "InvalidAccessKeyId") {
			x.loginFailed(id)
		}
		return err
	}
	x.identity, x.Principal = id, id.Name
	x.who = policy.Caller{Principal: id.ARN, Account: x.g.o.Account, Policy: id.Policy, Values: (*conditionValues)(x)}
	if err := x.checkCertificate(id); err != nil {
		return err
	}
	return x.charge(id)
}

func invalidToken(token []byte) *s3.Error {
	return s3.Refuse("InvalidToken", "The provided token is malformed or otherwise invalid.", "Token-0", strings.ToValidUTF8(string(token), "\uFFFD"))
}

func expiredToken(token []byte) *s3.Error {
	return s3.Refuse("ExpiredToken", "The provided token has expired.", "Token-0", strings.ToValidUTF8(string(token), "\uFFFD"))
}

func (x *exchange) tooManyFailures() *s3.Error {
	x.g.shed(ShedLogins)
	return s3.Refuse("SlowDown", "Please reduce your request rate: too many requests with these credentials failed to authenticate.")
}
