package access

import (
	"context"
	"errors"
	"fmt"

	"sealfront/policy"
	"sealfront/proxy/roles"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// Why a role's session is refused; for the log.
var (
	errNoRole    = errors.New("the role was removed")
	errEnded     = errors.New("the role's sessions were ended")
	errUntrusted = errors.New("the role's trust no longer lets the session in")
	errNoSource  = errors.New("the identity that assumed the role was removed")
)

// resolved is a role's session with the identities and roles that it was made by. A reload makes others.
type resolved struct {
	by *Identities
	id *Identity
}

// authenticateKey checks a request that is signed with a long-term key or with temporary credentials, whose token tells
// them apart. A long-term key has none.
func (x *Grant) authenticateKey(ctx context.Context, verifier *sigv4.Verifier, ids *Identities) error {
	a := &x.Auth
	id := ids.byAccessKey[s3.View(a.AccessKeyID)]
	if id != nil || a.SecurityToken == nil {
		if err := x.verify(verifier, id, ""); err != nil {
			return err
		}
		if a.SecurityToken != nil {
			return invalidToken(a.SecurityToken)
		}
		return nil
	}
	o, err := x.openToken(ctx, a.SecurityToken, true)
	if err != nil {
		return err
	}
	if o.credentials.AccessKeyID != s3.View(a.AccessKeyID) {
		x.loginFailed(nil)
		return invalidToken(a.SecurityToken)
	}
	if id, err = x.sessionOf(ctx, ids, o, o.temporary); err != nil {
		return err
	}
	return x.verify(verifier, id, o.credentials.SecretAccessKey)
}

// sessionOf is the identity of a role's session: the role as it is now, if it still lets the session in, and the
// session hasn't been ended.
func (x *Grant) sessionOf(ctx context.Context, ids *Identities, o *opened, t *session.Temporary) (*Identity, error) {
	r := o.assumed.Load()
	if r == nil || r.by != ids {
		id, err := ids.sessionOf(t, x.c.o.Account)
		if err != nil {
			refused := s3.AccessDenied()
			refused.Cause = err
			return nil, refused
		}
		r = &resolved{ids, id}
		o.assumed.Store(r)
	}
	return r.id, x.notEnded(ctx, t)
}

// notEnded refuses a session that was ended, or one of those through which it was begun.
func (x *Grant) notEnded(ctx context.Context, t *session.Temporary) error {
	for i := range len(t.Through) + 1 {
		of := t
		if i > 0 {
			of = &t.Through[i-1]
		}
		times, err := x.c.o.Ended(ctx, of.Role, false)
		switch {
		case err != nil:
			return s3.Unavailable(fmt.Errorf("read which sessions were ended: %w", err))
		case times != of.Ended:
			token := x.Auth.SecurityToken
			if token == nil {
				token = x.Auth.SessionToken
			}
			refused := expiredToken(token)
			refused.Cause = errEnded
			return refused
		}
	}
	return nil
}

// sessionOf makes the identity of a role's session, with the role's policy as it is now. The role's trust is asked
// again, with what it was told when the session began.
func (ids *Identities) sessionOf(t *session.Temporary, account string) (*Identity, error) {
	r := ids.roles[t.Role]
	if r == nil {
		return nil, errNoRole
	}
	id := r.identity(t.Name)
	id.of.session, id.of.tags = t, policy.Tags(t.Tags)
	if t.Policy != "" {
		within, refused := policy.ParseSessionPolicy([]byte(t.Policy))
		if refused != nil { // a release that understood more has issued it
			return nil, fmt.Errorf("read the session's policy: %w", refused)
		}
		id.of.within = within
	}
	if t.Provider != "" {
		if roles.TrustsToken(r.Trust, t.Provider, t.Claims) != roles.Trusted {
			return nil, errUntrusted
		}
		return id, nil
	}
	source, err := ids.source(t, account)
	if err != nil {
		return nil, err
	}
	caller := source.caller(account, nil)
	if !r.names(&caller, t.Claims) {
		return nil, errUntrusted
	}
	return id, nil
}

// identity is a session of the role that nobody has begun: it has no tags, no policy of its own, and was issued by
// none.
func (r *Role) identity(name string) *Identity {
	t := &session.Temporary{Role: r.Name, Name: name}
	return &Identity{
		Name: t.Principal(), ARN: r.sessionARN(name), Policy: r.Policy, Certificates: r.Certificates, Limits: r.Limits,
		share: r.share, of: &assumedRole{role: r, session: t},
	}
}

// source is the principal that assumed the role, as it is now.
func (ids *Identities) source(t *session.Temporary, account string) (*Identity, error) {
	if n := len(t.Through); n > 0 {
		last := t.Through[n-1]
		last.Through = t.Through[:n-1]
		return ids.sessionOf(&last, account)
	}
	if names := t.Claims[roles.FactPrincipal]; len(names) == 1 && ids.byName[names[0]] != nil {
		return ids.byName[names[0]], nil
	}
	return nil, errNoSource
}

// caller is the identity as policies see it.
func (id *Identity) caller(account string, values policy.Values) policy.Caller {
	c := policy.Caller{Principal: id.ARN, Account: account, Policy: id.Policy, Values: values}
	if id.of != nil {
		c.Role, c.Within, c.Tags = id.of.role.ARN, id.of.within, id.of.tags
	}
	return c
}
