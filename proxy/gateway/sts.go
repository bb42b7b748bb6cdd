package gateway

import (
	"context"
	"io"

	"sealfront/proxy/access"
	"sealfront/proxy/s3"
	"sealfront/proxy/sts"
)

// answerCall answers a call of STS. It needs no bucket and no object, and has answers and errors of its own form.
func (x *exchange) answerCall() {
	answer, err := x.carryOut()
	resp := &x.ctx.Response
	if err == nil {
		resp.Header.SetContentType("text/xml")
		resp.Header.Set("x-amzn-RequestId", x.requestID)
		resp.SetBody(answer)
		x.account.permitted = true
		x.finish("", nil)
		return
	}
	resp.ResetBody()
	resetHeaders(resp, x.requestID)
	resp.Header.Set("x-amzn-RequestId", x.requestID)
	resp.Header.SetContentType("text/xml")
	resp.SetStatusCode(err.Status())
	resp.SetBody(err.Document(x.requestID))
	if x.unreadBody() || x.grant.Ambiguous {
		resp.Header.SetConnectionClose()
	}
	logged := s3.Refuse(err.Code, err.Message)
	if err.Code == sts.InternalFailure {
		logged.Code = "InternalError"
	}
	logged.Cause = err.Cause
	x.finish(err.Code, logged)
}

// carryOut admits a call, reads it, decides it and returns its answer.
func (x *exchange) carryOut() ([]byte, *sts.Error) {
	x.account.action = "STS"
	if x.admit() != nil {
		return nil, sts.Refuse(sts.Throttling, "Rate exceeded")
	}
	if err := x.reserveRecord(); err != nil {
		return nil, sts.Refuse(sts.ServiceUnavailable, "The service is unavailable. Please retry.").Because(err)
	}
	if err := x.grant.CheckCall(); err != nil {
		return nil, err
	}
	form, err := x.readForm()
	if err != nil {
		return nil, err
	}
	call, err := sts.Parse(string(x.grant.Message.Query), string(form))
	if call.Action != "" {
		x.account.action = call.Action
	}
	if err != nil {
		return nil, err
	}
	if call.Action == sts.AssumeRoleWithWebIdentity {
		return x.assume(call, x.grant.AssumeWithToken)
	}
	if err := x.grant.AuthenticateCall(x.context, form); err != nil {
		return nil, err
	}
	if call.Action == sts.AssumeRole {
		return x.assume(call, x.grant.Assume)
	}
	return sts.Answer(call.Action, x.requestID, x.grant.CallerIdentity()), nil
}

// readForm reads a call's body.
func (x *exchange) readForm() ([]byte, *sts.Error) {
	n := x.ctx.Request.Header.ContentLength()
	switch {
	case x.body.stream == nil || n == 0 || string(x.grant.Message.Method) == "GET":
		return nil, nil
	case n < 0:
		return nil, sts.Refuse(sts.ValidationError, "The request's length must be given, by Content-Length.")
	case n > sts.MaxBody:
		return nil, sts.Refuse(sts.RequestTooLarge, "The request is longer than %d bytes.", sts.MaxBody)
	}
	if x.chargeMemory(4*int64(n)) != nil {
		return nil, sts.Refuse(sts.Throttling, "Rate exceeded")
	}
	form := make([]byte, n)
	if _, err := io.ReadFull(x.body.stream, form); err != nil {
		return nil, sts.Refuse(sts.ValidationError, "The request is shorter than its Content-Length.").Because(err)
	}
	x.body.stream = nil
	return form, nil
}

// assume begins a session of a role.
func (x *exchange) assume(
	call *sts.Call, begin func(ctx context.Context, a *sts.Assumption) (*access.Assumed, *sts.Error),
) ([]byte, *sts.Error) {
	asked, refused := call.Assumption()
	if refused != nil {
		return nil, refused
	}
	a, refused := begin(x.context, asked)
	if refused != nil {
		return nil, refused
	}
	answer := sts.Assumed{
		Subject: a.Subject, Audience: a.Audience, Provider: a.Session.Provider,
		User: sts.User{ARN: a.ARN, ID: a.UserID},
		Credentials: sts.Credentials{
			AccessKeyID: a.Credentials.AccessKeyID, SecretAccessKey: a.Credentials.SecretAccessKey,
			SessionToken: a.Credentials.Token, Expiration: sts.Time(a.Credentials.Expires),
		},
	}
	if asked.Policy != "" {
		answer.PackedPolicySize = a.Session.Packed()
	}
	return sts.Answer(call.Action, x.requestID, &answer), nil
}
