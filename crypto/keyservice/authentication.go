package keyservice

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"sealfront/sigv4"
)

// authenticate checks the signature, which must cover the body, and returns the caller with its access key id.
func (s *Service) authenticate(r *http.Request, body []byte) (Caller, string, *Error) {
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
	if err := s.verifier.Read(m, &a, "kms"); err != nil {
		return Caller{}, "", refusal(err)
	}
	sum := sha256.Sum256(body)
	switch {
	case a.Kind != sigv4.Header:
		return Caller{}, "", fail("MissingAuthenticationTokenException", "Missing Authentication Token")
	case a.Payload == sigv4.PayloadBody:
		a.SetPayloadHash(&sum)
	case a.Payload != sigv4.PayloadHash || a.CheckPayload(&sum) != nil:
		return Caller{}, "", fail("InvalidSignatureException", signatureText)
	}
	caller, known := s.o.Callers(string(a.AccessKeyID), r.Header.Get("X-Amz-Security-Token"))
	if !known || caller.Secret == "" {
		return Caller{}, "", fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if err := s.verifier.Check(m, &a, caller.Secret); err != nil {
		return Caller{}, "", refusal(err)
	}
	return caller, string(a.AccessKeyID), nil
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
