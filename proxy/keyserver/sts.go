package keyserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/keyservice"
	"sealfront/policy"
	"sealfront/proxy/roles"
	"sealfront/proxy/session"
	"sealfront/proxy/sts"
	"sealfront/proxy/webidentity"
)

// ServeHTTP answers requests of KMS's protocol, and at the same address calls of STS, by which roles are assumed: a
// form that is sent to /, or a query with STS's Action and Version.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const form = "application/x-www-form-urlencoded"
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	ofSTS := r.Method == http.MethodPost && strings.EqualFold(strings.TrimSpace(kind), form) ||
		sts.Mentions(r.URL.RawQuery)
	switch {
	case s.audit != nil && s.auditRequired() && !s.audit.Reserve():
		s.refuseUnrecorded(w, ofSTS)
	case ofSTS:
		s.serveSTS(w, r)
	default:
		s.Service.ServeHTTP(w, r)
	}
}

// refuseUnrecorded answers a request that the audit log has no place for, with an error that clients try again.
func (s *Site) refuseUnrecorded(w http.ResponseWriter, ofSTS bool) {
	refused := sts.Refuse(sts.ServiceUnavailable, "The service is unavailable. Please retry.")
	code, kind, text := "KMSInternalException", "application/x-amz-json-1.1",
		[]byte(`{"__type":"KMSInternalException","message":"The request could not be recorded."}`)
	status := http.StatusInternalServerError
	if ofSTS {
		code, kind, text, status = refused.Code, "text/xml", refused.Document(""), refused.Status()
	} else {
		w.Header().Set("X-Amzn-Errortype", code)
	}
	s.Metrics.Request("none", code, 0)
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// defaultSession is how long a session is for that doesn't ask. Source: STS, "DurationSeconds".
const defaultSession = time.Hour

func (s *Site) serveSTS(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	c := &stsCall{site: s, callers: s.callers.Load(), request: r}
	seen := keyservice.Call{
		RequestID: hex.EncodeToString(random[:]), Remote: r.RemoteAddr, TLS: r.TLS != nil, Code: "OK",
		Status: http.StatusOK,
	}
	text, refused := c.answer(seen.RequestID)
	if refused != nil {
		text, seen.Code, seen.Status = refused.Document(seen.RequestID), refused.Code, refused.Status()
		if refused.Cause != nil {
			s.log.Warn("a role could not be assumed", zap.String("code", refused.Code), zap.String("request", seen.RequestID),
				zap.String("remote", r.RemoteAddr), zap.Error(refused.Cause))
		}
	}
	seen.Action, seen.Caller, seen.Took = c.action, c.who, time.Since(began)
	s.called(seen)
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", seen.RequestID)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(seen.Status)
	_, _ = w.Write(text) // a client that has gone away needs no answer
}

// An stsCall is one call of STS.
type stsCall struct {
	site    *Site
	callers *callers
	request *http.Request
	action  string // "" before it is known
	who     string // ARN of who signed it, and of the session that began
}

var errPlain = errors.New("a call for credentials came without TLS, from another machine")

// answer carries the call out.
func (c *stsCall) answer(requestID string) ([]byte, *sts.Error) {
	r := c.request
	if host, _, err := net.SplitHostPort(r.RemoteAddr); r.TLS == nil && (err != nil || !isLoopback(host)) {
		return nil, sts.Refuse(sts.AccessDenied, "Requests to this service must use TLS.").Because(errPlain)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, sts.MaxBody))
	if err != nil {
		return nil, sts.Refuse(sts.RequestTooLarge, "The request is longer than %d bytes, or was cut off.", sts.MaxBody)
	}
	call, refused := sts.Parse(r.URL.RawQuery, string(body))
	c.action = call.Action
	if refused != nil {
		return nil, refused
	}
	if call.Action == sts.AssumeRoleWithWebIdentity {
		return c.assume(call, requestID, c.withToken)
	}
	caller, err := c.site.Service.AuthenticateSTS(r, body)
	if err != nil {
		return nil, inWordsOfSTS(err)
	}
	c.who = caller.ARN
	if call.Action == sts.AssumeRole {
		return c.assume(call, requestID, func(_ context.Context, role *role, a *sts.Assumption) (*began, *sts.Error) {
			return c.bySigner(&caller, role, a)
		})
	}
	id := sts.Identity{ARN: caller.ARN, UserID: uniqueID("AIDA", caller.ARN), Account: c.site.config.Account}
	if caller.Role != "" {
		id.UserID = uniqueID("AROA", caller.Role) + ":" + caller.ARN[strings.LastIndexByte(caller.ARN, '/')+1:]
	}
	return sts.Answer(call.Action, requestID, id), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// uniqueID is an id as IAM has them. It is a function of the ARN, so that all replicas have one.
func uniqueID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:11])[:17]
}

// began is who may begin a session.
type began struct {
	session           session.Temporary // Provider and Claims are set
	subject, audience string            // of the token; "" without one
}

// assume begins a session of a role for whom permit lets in.
func (c *stsCall) assume(
	call *sts.Call, requestID string, permit func(context.Context, *role, *sts.Assumption) (*began, *sts.Error),
) ([]byte, *sts.Error) {
	asked, refused := call.Assumption()
	if refused != nil {
		return nil, refused
	}
	ctx, role := c.request.Context(), c.callers.role(asked.RoleARN)
	b, refused := permit(ctx, role, asked)
	if refused != nil {
		return nil, refused
	}
	if asked.Duration > role.maxSession {
		return nil, sts.Refuse(sts.ValidationError,
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if asked.Policy != "" {
		if _, err := keyservice.ParseSessionPolicy(asked.Policy); err != nil {
			return nil, sts.Refuse(sts.MalformedPolicy, "%v", err)
		}
	}
	t := &b.session
	t.Role, t.Name, t.Policy, t.Claims = role.name, asked.SessionName, asked.Policy, roles.Asked(role.trust, t.Claims)
	t.Issued = time.Now().UTC().Truncate(time.Second)
	duration := asked.Duration
	if duration == 0 {
		duration = min(defaultSession, role.maxSession)
	}
	t.Expires = t.Issued.Add(duration)
	credentials, err := session.IssueTemporary(ctx, c.site.sessions, t)
	switch {
	case errors.Is(err, session.ErrTooLarge):
		return nil, sts.Refuse(sts.PackedPolicyTooLarge,
			"The session policy and the claims that the role's trust asks about are too large together.").Because(err)
	case err != nil:
		return nil, sts.Refuse(sts.ServiceUnavailable, "The service is unavailable. Please retry.").Because(err)
	}
	c.who = role.sessionARN(t.Name)
	answer := sts.Assumed{
		Subject: b.subject, Audience: b.audience, Provider: t.Provider,
		User: sts.User{ARN: c.who, ID: uniqueID("AROA", role.arn) + ":" + t.Name},
		Credentials: sts.Credentials{
			AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
			SessionToken: credentials.Token, Expiration: sts.Time(credentials.Expires),
		},
	}
	if t.Policy != "" {
		answer.PackedPolicySize = t.Packed()
	}
	return sts.Answer(call.Action, requestID, &answer), nil
}

// withToken lets in the bearer of a web identity token, where the role's trust does.
func (c *stsCall) withToken(ctx context.Context, role *role, a *sts.Assumption) (*began, *sts.Error) {
	token, err := c.callers.issuers.Verify(ctx, a.Token)
	if err != nil {
		return nil, tokenRefused(err)
	}
	const denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	if role == nil {
		return nil, sts.Refuse(sts.AccessDenied, denied).Because(errNoRole)
	}
	facts := roles.Facts(token.Claims, a.SessionName)
	switch roles.TrustsToken(role.trust, token.Issuer, facts) {
	case roles.ForeignAudience:
		return nil, sts.Refuse(sts.InvalidIdentityToken, "Incorrect token audience")
	case roles.Untrusted:
		return nil, sts.Refuse(sts.AccessDenied, denied).Because(errUntrusted)
	}
	return &began{
		session: session.Temporary{Provider: token.Issuer, Claims: facts}, subject: token.Subject,
		audience: token.Audience[0],
	}, nil
}

// bySigner lets in an identity that the role's trust names.
func (c *stsCall) bySigner(caller *keyservice.Caller, role *role, a *sts.Assumption) (*began, *sts.Error) {
	facts := policy.Claims{policy.FactSessionName: {a.SessionName}, roles.FactPrincipal: {caller.ARN}}
	if a.ExternalID != "" {
		facts[policy.FactExternalID] = []string{a.ExternalID}
	}
	if role == nil || !role.trustsIdentity(caller.ARN, facts) {
		return nil, sts.Refuse(sts.AccessDenied, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			caller.ARN, a.RoleARN).Because(errUntrusted)
	}
	return &began{session: session.Temporary{Claims: facts}}, nil
}

// tokenRefused says in STS's words why a token was refused.
func tokenRefused(err error) *sts.Error {
	refused, ok := errors.AsType[*webidentity.Error](err)
	if !ok {
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

// codesOfSTS are the names that STS has for what KMS's protocol calls otherwise.
var codesOfSTS = map[string]string{
	"InvalidSignatureException": sts.SignatureDoesNotMatch, "UnrecognizedClientException": sts.InvalidClientTokenID,
	"MissingAuthenticationTokenException": sts.MissingAuthentication, "ExpiredTokenException": sts.ExpiredToken,
	"IncompleteSignatureException": sts.IncompleteSignature,
}

func inWordsOfSTS(err error) *sts.Error {
	if refused, ok := errors.AsType[*keyservice.Error](err); ok {
		if code := codesOfSTS[refused.Type]; code != "" {
			return sts.Refuse(code, "%s", refused.Message)
		}
	}
	return sts.Refuse(sts.ServiceUnavailable, "The service is unavailable. Please retry.").Because(err)
}
