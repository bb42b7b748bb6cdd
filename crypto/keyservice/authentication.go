package keyservice

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"sealfront/sigv4"
)

// authenticate checks the signature for one of the service names, which must cover the body, and returns the caller,
// who has a name or an ARN.
func (s *Service) authenticate(r *http.Request, body []byte, service string) (Caller, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(path), Query: []byte(query)}
	m.Header = append(m.Header, sigv4.Field{Name: []byte("Host"), Value: []byte(r.Host)})
	if r.ContentLength >= 0 {
		m.Header = append(m.Header, sigv4.Field{
			Name: []byte("Content-Length"), Value: strconv.AppendInt(nil, r.ContentLength, 10),
		})
	}
	for name, values := range r.Header {
		if name == "Content-Length" {
			continue
		}
		for _, value := range values {
			m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	var a sigv4.Authentication
	verifier := s.verifiers[service]
	if err := verifier.Read(m, &a, service); err != nil {
		return Caller{}, refusal(err)
	}
	sum := sha256.Sum256(body)
	switch {
	case a.Kind != sigv4.Header:
		return Caller{}, fail("MissingAuthenticationTokenException", "Missing Authentication Token")
	case a.Payload == sigv4.PayloadBody:
		a.SetPayloadHash(&sum)
	case a.Payload != sigv4.PayloadHash || a.CheckPayload(&sum) != nil:
		return Caller{}, fail("InvalidSignatureException", signatureText)
	}
	caller, err := s.caller(r.Context(), string(a.AccessKeyID), r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return Caller{}, err
	}
	if err := verifier.Check(m, &a, caller.Secret); err != nil {
		return Caller{}, refusal(err)
	}
	return caller, nil
}

// caller is who has an access key id, with a session token or "".
func (s *Service) caller(ctx context.Context, accessKeyID, token string) (caller Caller, err error) {
	known := true
	if token != "" && s.o.Sessions != nil {
		caller, err = s.o.Sessions(ctx, accessKeyID, token)
	} else {
		caller, known = s.o.Callers(accessKeyID, token)
	}
	switch {
	case err != nil:
		return Caller{}, err
	case !known || caller.Secret == "":
		return Caller{}, fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	case caller.Name == "" && caller.ARN == "":
		caller.Name = accessKeyID
	}
	return caller, nil
}

// AuthenticateSTS finds who signed a request for the service sts, whose whole body this is. Errors are an *Error in
// KMS's names, or those of Options.Sessions.
func (s *Service) AuthenticateSTS(r *http.Request, body []byte) (Caller, error) {
	caller, err := s.authenticate(r, body, stsService)
	if err == nil && caller.ARN == "" {
		caller.ARN = "arn:aws:iam::" + s.o.Account + ":user/" + caller.Name
	}
	return caller, err
}

// The names of services in signatures.
const (
	kmsService = "kms"
	stsService = "sts"
)

// newVerifiers makes a verifier for each service. SDKs sign for STS in the client's Region or as for the global
// endpoint.
func newVerifiers(o *Options) map[string]*sigv4.Verifier {
	regions := append([]string{o.Region}, o.Earlier...)
	return map[string]*sigv4.Verifier{
		kmsService: sigv4.NewVerifier(sigv4.Options{Regions: regions, Now: o.Now}),
		stsService: sigv4.NewVerifier(sigv4.Options{Regions: append(regions, "us-east-1", "aws-global"), Now: o.Now}),
	}
}

const signatureText = "The request signature we calculated does not match the signature you provided. Check your AWS " +
	"Secret Access Key and signing method. Consult the service documentation for details."

// refusal says in KMS's names what package sigv4 says in S3's.
func refusal(err error) *Error {
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		return fail("InvalidSignatureException", signatureText)
	}
	switch e.Code {
	case "SignatureDoesNotMatch":
		return fail("InvalidSignatureException", signatureText)
	case "RequestTimeTooSkewed", "ExpiredToken":
		return fail("InvalidSignatureException", "Signature expired: %s", e.Message)
	case "InvalidAccessKeyId", "InvalidToken":
		return fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return fail("IncompleteSignatureException", "%s", e.Message)
}
