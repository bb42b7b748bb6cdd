package keyserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealfront/crypto/keyservice"
	"sealfront/policy"
	"sealfront/proxy/config"
	"sealfront/proxy/roles"
	"sealfront/proxy/session"
)

// A role of the configuration.
type role struct {
	name, arn  string
	account    string
	trust      []roles.Trust
	may        func(action, resource string, context map[string]string) keyservice.Effect
	maxSession time.Duration
	from       time.Time // sessions that began before are refused
}

func newRole(c *config.KeyService, r *config.KeyRole) (*role, error) {
	from, err := r.Since()
	if err != nil {
		return nil, err
	}
	made := &role{
		name: r.Name, arn: "arn:aws:iam::" + c.Account + ":role/" + r.Name, account: c.Account, maxSession: r.Session(),
		from: from,
	}
	made.may, _ = keyservice.CompilePolicy(r.Statements())
	for i := range r.Trust {
		t := &r.Trust[i]
		conditions, err := t.Conditions()
		if err != nil {
			return nil, err
		}
		trust := roles.Trust{Issuer: t.Issuer, Audience: t.Audience, Conditions: conditions}
		for _, name := range t.Principal {
			arn, err := c.PrincipalARN(name)
			if err != nil {
				return nil, err
			}
			trust.Principals = append(trust.Principals, arn)
		}
		made.trust = append(made.trust, trust)
	}
	return made, nil
}

// sessionARN is that of the role's session of this name.
func (r *role) sessionARN(name string) string {
	return "arn:aws:sts::" + r.account + ":assumed-role/" + r.name + "/" + name
}

// trustsIdentity decides whether the role's trust names an identity, by its ARN.
func (r *role) trustsIdentity(arn string, facts policy.Claims) bool {
	return slices.ContainsFunc(r.trust, func(t roles.Trust) bool {
		return t.Issuer == "" && slices.Contains(t.Principals, arn) && t.Conditions.Holds(facts)
	})
}

// Why a role's session is refused; for the log.
var (
	errNoRole    = errors.New("the role was removed")
	errEnded     = errors.New("the session began before the role's sessions_from")
	errUntrusted = errors.New("the role's trust doesn't let the session in any more")
)

// session is who the bearer of temporary credentials is: the role as it is now, if its trust still lets the session in.
func (s *Site) session(ctx context.Context, accessKeyID, token string) (keyservice.Caller, error) {
	t, credentials, err := session.OpenTemporary(ctx, s.sessions, token, time.Now())
	switch {
	case errors.Is(err, session.ErrExpired):
		return keyservice.Caller{}, expired()
	case errors.Is(err, session.ErrMalformed):
		return keyservice.Caller{}, unknown()
	case err != nil:
		return keyservice.Caller{}, fmt.Errorf("open temporary credentials: %w", err)
	case credentials.AccessKeyID != accessKeyID:
		return keyservice.Caller{}, unknown()
	}
	caller, err := s.callers.Load().session(t)
	if err != nil {
		return keyservice.Caller{}, fmt.Errorf("%w: %w", expired(), err)
	}
	caller.Secret = credentials.SecretAccessKey
	return caller, nil
}

func expired() *keyservice.Error {
	return &keyservice.Error{
		Type: "ExpiredTokenException", Message: "The security token included in the request is expired",
	}
}

func unknown() *keyservice.Error {
	return &keyservice.Error{
		Type: "UnrecognizedClientException", Message: "The security token included in the request is invalid.",
	}
}

// session makes a caller of a role's session, with what the role and its trust are now.
func (c *callers) session(t *session.Temporary) (keyservice.Caller, error) {
	r := c.roles[t.Role]
	switch {
	case r == nil:
		return keyservice.Caller{}, errNoRole
	case t.Issued.Before(r.from):
		return keyservice.Caller{}, errEnded
	case t.Provider != "" && roles.TrustsToken(r.trust, t.Provider, t.Claims) != roles.Trusted:
		return keyservice.Caller{}, errUntrusted
	case t.Provider == "" && !c.stillTrusted(r, t.Claims):
		return keyservice.Caller{}, errUntrusted
	}
	caller := keyservice.Caller{ARN: r.sessionARN(t.Name), Role: r.arn, May: r.may}
	if t.Policy != "" {
		within, err := keyservice.ParseSessionPolicy(t.Policy)
		if err != nil { // a release that understood more has issued it
			return keyservice.Caller{}, fmt.Errorf("read the session's policy: %w", err)
		}
		caller.May = keyservice.Narrowed(r.may, within)
	}
	return caller, nil
}

// stillTrusted reports whether the identity that assumed the role exists and is still named by the role's trust.
func (c *callers) stillTrusted(r *role, facts policy.Claims) bool {
	names := facts[roles.FactPrincipal]
	if len(names) != 1 {
		return false
	}
	_, exists := c.byARN[names[0]]
	return exists && r.trustsIdentity(names[0], facts)
}

// role is the one with an ARN, nil for none.
func (c *callers) role(arn string) *role {
	r := c.roles[arn[strings.LastIndexByte(arn, '/')+1:]]
	if r == nil || r.arn != arn {
		return nil
	}
	return r
}
