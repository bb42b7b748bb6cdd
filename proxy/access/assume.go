package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/roles"
	"sealfront/proxy/session"
	"sealfront/proxy/sts"
	"sealfront/proxy/webidentity"
)

// An Assumed is a role's session that has begun.
type Assumed struct {
	Credentials session.Credentials
	Session     *session.Temporary
	ARN, UserID string
	Subject     string // of the token; "" without one
	Audience    string
}

// defaultDuration is how long a session is for that doesn't ask. Source: STS, "DurationSeconds".
const defaultDuration = time.Hour

// longestChain bounds through how many roles one may be assumed.
const longestChain = 4

// AssumeWithToken begins a session of a role for the bearer of a web identity token. What it refuses counts as a failed
// login of the request's address.
func (x *Grant) AssumeWithToken(ctx context.Context, a *sts.Assumption) (*Assumed, *sts.Error) {
	if !x.mayLogIn(nil) {
		return nil, x.throttled()
	}
	token, err := x.c.issuers.Load().Verify(ctx, a.Token)
	if err != nil {
		refused := tokenRefused(err)
		if refused.Code != sts.IDPCommunication {
			x.loginFailed(nil)
		}
		return nil, refused
	}
	const action = "sts:AssumeRoleWithWebIdentity"
	ids := x.c.identities.Load()
	r := ids.role(a.RoleARN)
	if r == nil {
		x.loginFailed(nil)
		return nil, notAuthorized(action, errNoRole)
	}
	facts := roles.Facts(token.Claims, a.SessionName)
	switch roles.TrustsToken(r.Trust, token.Issuer, facts) {
	case roles.ForeignAudience:
		x.loginFailed(nil)
		return nil, sts.Refuse(sts.InvalidIdentityToken, "Incorrect token audience")
	case roles.Untrusted:
		x.loginFailed(nil)
		return nil, notAuthorized(action, errUntrusted)
	}
	t := &session.Temporary{Provider: token.Issuer, Tags: r.tags(facts)}
	assumed, refused := x.begin(ctx, ids, r, a, t, facts)
	if refused == nil {
		assumed.Subject = token.Subject
		assumed.Audience = token.Audience[0]
	}
	return assumed, refused
}

// Assume begins a session of a role for the request's sender, whom AuthenticateCall has found.
func (x *Grant) Assume(ctx context.Context, a *sts.Assumption) (*Assumed, *sts.Error) {
	const action = "sts:AssumeRole"
	ids := x.c.identities.Load()
	r := ids.role(a.RoleARN)
	if r == nil {
		return nil, notAuthorizedOn(x.Identity, action, a.RoleARN, errNoRole)
	}
	facts := policy.Claims{policy.FactSessionName: {a.SessionName}, roles.FactPrincipal: {x.Identity.Name}}
	if a.ExternalID != "" {
		facts[policy.FactExternalID] = []string{a.ExternalID}
	}
	if !r.trustsCaller(&x.Rules, &x.caller, facts) {
		return nil, notAuthorizedOn(x.Identity, action, a.RoleARN, errUntrusted)
	}
	t := new(session.Temporary)
	if source := x.Identity.Assumed(); source != nil {
		last := *source
		last.Through = nil
		t.Through = append(slices.Clone(source.Through), last)
	}
	if len(t.Through) > longestChain {
		return nil, sts.Refuse(sts.ValidationError, "A role may be assumed through %d others at most.", longestChain)
	}
	return x.begin(ctx, ids, r, a, t, facts)
}

// begin begins the session t of a role that has been permitted.
func (x *Grant) begin(
	ctx context.Context, ids *Identities, r *Role, a *sts.Assumption, t *session.Temporary, facts policy.Claims,
) (*Assumed, *sts.Error) {
	if a.Duration > r.MaxSession {
		return nil, sts.Refuse(sts.ValidationError,
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if a.Policy != "" {
		if _, refused := policy.ParseSessionPolicy([]byte(a.Policy)); refused != nil {
			return nil, sts.Refuse(sts.MalformedPolicy, "%s", refused.Message).Because(refused)
		}
	}
	duration := a.Duration
	if duration == 0 {
		duration = min(defaultDuration, r.MaxSession)
	}
	t.Role, t.Name, t.Policy, t.Claims = r.Name, a.SessionName, a.Policy, roles.Asked(r.Trust, facts)
	t.Issued = x.Start.UTC().Truncate(time.Second)
	t.Expires = t.Issued.Add(duration)
	if n := len(t.Through); n > 0 && t.Through[n-1].Expires.Before(t.Expires) {
		t.Expires = t.Through[n-1].Expires
	}
	var err error
	if t.Ended, err = x.c.o.Ended(ctx, r.Name, true); err != nil {
		return nil, unavailable(err)
	}
	credentials, err := session.IssueTemporary(ctx, x.c.o.Sessions, t)
	switch {
	case errors.Is(err, session.ErrTooLarge):
		return nil, sts.Refuse(sts.PackedPolicyTooLarge,
			"The session policy, the tags and the claims that the role's trust asks about are too large together.").Because(err)
	case err != nil:
		return nil, unavailable(err)
	}
	x.c.Issued(credentials.Token)
	id, err := ids.sessionOf(t, x.c.o.Account)
	if err != nil {
		return nil, sts.Refuse(sts.InternalFailure, "The session can't be used.").Because(err)
	}
	x.Identity = id
	return &Assumed{Credentials: credentials, Session: t, ARN: id.ARN, UserID: id.UserID()}, nil
}

// role is the one with an ARN, nil for none.
func (ids *Identities) role(arn string) *Role {
	r := ids.roles[arn[strings.LastIndexByte(arn, '/')+1:]]
	if r == nil || r.ARN != arn {
		return nil
	}
	return r
}

func notAuthorized(action string, cause error) *sts.Error {
	return sts.Refuse(sts.AccessDenied, "Not authorized to perform %s", action).Because(cause)
}

func notAuthorizedOn(id *Identity, action, resource string, cause error) *sts.Error {
	return sts.Refuse(sts.AccessDenied, "User: %s is not authorized to perform: %s on resource: %s", id.ARN, action,
		resource).Because(cause)
}

func unavailable(cause error) *sts.Error {
	return sts.Refuse(sts.ServiceUnavailable, "The service is unavailable. Please retry.").Because(cause)
}

func (x *Grant) throttled() *sts.Error {
	x.c.shed(ShedLogins)
	return sts.Refuse(sts.Throttling, "Rate exceeded")
}

// tokenRefused says in STS's words why a token was refused.
func tokenRefused(err error) *sts.Error {
	var refused *webidentity.Error
	if !errors.As(err, &refused) {
		return sts.Refuse(sts.InternalFailure, "The token could not be checked.").Because(err)
	}
	code := sts.InvalidIdentityToken
	switch refused.Kind {
	case webidentity.Expired:
		code = sts.ExpiredTokenException
	case webidentity.Unavailable:
		code = sts.IDPCommunication
	}
	return sts.Refuse(code, "%s", refused.Why).Because(err)
}
