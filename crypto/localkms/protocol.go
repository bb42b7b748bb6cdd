package localkms

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealfront/sigv4"
)

const (
	targetPrefix = "TrentService."
	contentType  = "application/x-amz-json-1.1"
	maxBody      = 256 << 10 // bytes; the largest legal request is far below
)

// ServeHTTP answers one request: POST / with the action in X-Amz-Target and a JSON body.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("Content-Type", contentType)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, nil, fail("SerializationException", "The request body is too long or was cut off"))
		return
	}
	out, err := s.handle(r, body, id)
	answer(w, out, err)
}

// handle authenticates a request and does what it asks for.
func (s *Service) handle(r *http.Request, body []byte, id string) (any, error) {
	accessKeyID, failure := s.authenticate(r, body)
	if failure != nil {
		return nil, failure
	}
	action, cut := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	do := actions[action]
	if r.Method != http.MethodPost || !cut || do == nil {
		return nil, fail("UnknownOperationException", "")
	}
	if s.o.Fault != nil {
		if err := s.o.Fault(action); err != nil {
			return nil, err
		}
	}
	return do(r.Context(), &call{Service: s, accessKeyID: accessKeyID, requestID: id}, body)
}

// answer writes a result or an error. Errors that aren't *Error are told without their text.
func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		failure, ok := errors.AsType[*Error](err)
		if !ok {
			failure = fail("KMSInternalException", "The request could not be processed because of an internal error.")
		}
		status = failure.status()
		w.Header().Set("X-Amzn-Errortype", failure.Type)
		out = struct {
			Type    string `json:"__type"`
			Message string `json:"message,omitempty"`
		}{failure.Type, failure.Message}
	}
	text := []byte("{}")
	if out != nil {
		if text, err = json.Marshal(out); err != nil {
			panic("localkms: internal error: " + err.Error())
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone away needs no answer
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// authenticate checks the signature, which must cover the body, and returns the caller's access key id.
func (s *Service) authenticate(r *http.Request, body []byte) (string, *Error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(path), Query: []byte(query)}
	m.Header = append(m.Header, sigv4.Field{Name: []byte("Host"), Value: []byte(r.Host)})
	if r.ContentLength >= 0 {
		m.Header = append(m.Header, sigv4.Field{Name: []byte("Content-Length"), Value: strconv.AppendInt(nil, r.ContentLength, 10)})
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
		return "", refusal(err)
	}
	sum := sha256.Sum256(body)
	switch {
	case a.Kind != sigv4.Header:
		return "", fail("MissingAuthenticationTokenException", "Missing Authentication Token")
	case a.Payload == sigv4.PayloadBody:
		a.SetPayloadHash(&sum)
	case a.Payload != sigv4.PayloadHash || a.CheckPayload(&sum) != nil:
		return "", fail("InvalidSignatureException", signatureText)
	}
	secret, known := s.o.Credentials(string(a.AccessKeyID))
	if !known || secret == "" {
		return "", fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if err := s.verifier.Check(m, &a, secret); err != nil {
		return "", refusal(err)
	}
	return string(a.AccessKeyID), nil
}

const signatureText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

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

// action decodes a request of one action, carries it out and returns what is encoded as the answer.
type action func(ctx context.Context, c *call, body []byte) (any, error)

// A call is one request of a caller who is known.
type call struct {
	*Service
	accessKeyID string
	requestID   string
}

// typed makes an action of a function over decoded requests. Members that KMS has and this service doesn't read are
// ignored, as KMS ignores unknown ones; those that would change the outcome are read and refused.
func typed[In, Out any](do func(c *call, in *In) (Out, error)) action {
	return func(ctx context.Context, c *call, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fail("SerializationException", "The request body is not the JSON of this action")
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return do(c, &in)
	}
}
