package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/sts"
	"sealfront/sigv4"
)

// stsHost is the label in front of our domains under which STS may be called, too.
const stsHost = "sts"

// ToSTS reports whether the request is a call of STS, not of S3: a form that is sent to the service itself, which S3
// has no use for, or a query with STS's Action and Version.
func (x *Grant) ToSTS() bool {
	m := &x.Message
	if len(m.Path) > 1 || len(m.Path) == 1 && m.Path[0] != '/' {
		return false
	}
	if bucket, ofHost := x.hostBucket(); ofHost && bucket != stsHost {
		return false
	}
	switch string(m.Method) {
	case http.MethodPost:
		kind := x.Bytes("content-type")
		const form = "application/x-www-form-urlencoded"
		return len(kind) >= len(form) && bytes.EqualFold(kind[:len(form)], []byte(form)) || sts.Mentions(s3.View(m.Query))
	case http.MethodGet:
		return sts.Mentions(s3.View(m.Query))
	}
	return false
}

var errPlain = errors.New("a call for credentials came without TLS, from another machine")

// CheckCall decides what comes before a call is read: credentials don't go over a network in the clear.
func (x *Grant) CheckCall() *sts.Error {
	switch {
	case x.Ambiguous:
		return sts.Refuse(sts.ValidationError, "The request could not be read.")
	case !x.OverTLS() && !x.remote().IsLoopback():
		return sts.Refuse(sts.AccessDenied, "Requests to this service must use TLS.").Because(errPlain)
	}
	return nil
}

// AuthenticateCall finds who signed a call of STS whose whole body this is.
func (x *Grant) AuthenticateCall(ctx context.Context, body []byte) *sts.Error {
	if err := x.authenticateCall(ctx, body); err != nil {
		return callRefused(err)
	}
	return nil
}

func (x *Grant) authenticateCall(ctx context.Context, body []byte) error {
	a := &x.Auth
	if err := x.c.sts.ReadAt(x.Start, &x.Message, a, "sts"); err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	switch {
	case a.Kind == sigv4.Anonymous || a.Kind == sigv4.Form:
		return sts.Refuse(sts.MissingAuthentication, "Request is missing Authentication Token")
	case a.SessionToken != nil:
		return invalidToken(a.SessionToken) // of CreateSession: it is for one bucket
	case a.Payload == sigv4.PayloadBody, a.Kind == sigv4.Presigned && a.Payload == sigv4.PayloadUnsigned:
		a.SetPayloadHash(&sum)
	case a.Payload != sigv4.PayloadHash:
		return sigv4.AccessDenied()
	default:
		if err := a.CheckPayload(&sum); err != nil {
			return err
		}
	}
	x.Header.Fields = x.Message.Header
	r := &x.Rules
	r.Method, r.Header, r.Query = s3.View(x.Message.Method), &x.Header, &x.Query
	r.TLS, r.SigningName, r.Signature = x.OverTLS(), s3.View(a.Service), policy.SigV4
	return x.authenticateKey(ctx, x.c.sts, x.c.identities.Load())
}

// CallerIdentity is what GetCallerIdentity answers about the request's sender.
func (x *Grant) CallerIdentity() sts.Identity {
	return sts.Identity{ARN: x.Identity.ARN, UserID: x.Identity.UserID(), Account: x.c.o.Account}
}

// callRefused says in STS's words what is said elsewhere in S3's.
func callRefused(err error) *sts.Error {
	var refused *sts.Error
	if errors.As(err, &refused) {
		return refused
	}
	code, message := "", ""
	var bad *sigv4.Error
	var other *s3.Error
	switch {
	case errors.As(err, &bad):
		code, message = bad.Code, bad.Message
	case errors.As(err, &other):
		code, message = other.Code, other.Message
	}
	switch code {
	case "SignatureDoesNotMatch":
		refused = sts.Refuse(sts.SignatureDoesNotMatch, "The request signature we calculated does not match the signature "+
			"you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	case "RequestTimeTooSkewed":
		refused = sts.Refuse(sts.SignatureDoesNotMatch, "Signature expired: %s", message)
	case "InvalidAccessKeyId", "InvalidToken":
		refused = sts.Refuse(sts.InvalidClientTokenID, "The security token included in the request is invalid.")
	case "ExpiredToken":
		refused = sts.Refuse(sts.ExpiredToken, "The security token included in the request is expired")
	case "SlowDown":
		refused = sts.Refuse(sts.Throttling, "Rate exceeded")
	case "ServiceUnavailable":
		refused = unavailable(nil)
	case "AccessDenied":
		refused = sts.Refuse(sts.AccessDenied, "Access Denied")
	case "":
		refused = sts.Refuse(sts.InternalFailure, "The request could not be carried out.")
	default:
		refused = sts.Refuse(sts.IncompleteSignature, "%s", strings.TrimSpace(message))
	}
	return refused.Because(err)
}
