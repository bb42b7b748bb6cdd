package s3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"sealfront/proxy/s3"
)

func TestErrorsHaveTheirCodesStatusesAndElements(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	for name, c := range map[string]struct {
		err      *s3.Error
		code     string
		status   int
		elements []s3.Element
		cause    error
	}{
		"an internal error": {s3.Internal(cause), "InternalError", 500, nil, cause},
		"what is away":      {s3.Unavailable(cause), "ServiceUnavailable", 503, nil, cause},
		"a bucket that is absent": {
			s3.NoSuchBucket("b"), "NoSuchBucket", 404,
			[]s3.Element{{Name: "BucketName", Value: "b"}},
			nil,
		},
		"a key that is absent": {
			s3.NoSuchKey("k"), "NoSuchKey", 404,
			[]s3.Element{{Name: "Key", Value: "k"}},
			nil,
		},
		"no permission": {s3.AccessDenied(), "AccessDenied", 403, nil, nil},
		"a condition that fails": {
			s3.PreconditionFailed("If-Match"), "PreconditionFailed", 412,
			[]s3.Element{{Name: "Condition", Value: "If-Match"}},
			nil,
		},
		"an argument": {
			s3.InvalidArgument("n", "v", "no"), "InvalidArgument", 400,
			[]s3.Element{{Name: "ArgumentName", Value: "n"}, {Name: "ArgumentValue", Value: "v"}},
			nil,
		},
		"a body that ends early":       {s3.IncompleteBody(cause), "IncompleteBody", 400, nil, cause},
		"a client that has left":       {s3.ClientLeft(cause), "ClientLeft", 400, nil, cause},
		"a client that says nothing":   {s3.RequestTimeout(cause), "RequestTimeout", 400, nil, cause},
		"no room":                      {s3.SlowDown(), "SlowDown", 503, nil, nil},
		"a document that isn't XML":    {s3.MalformedXML(cause), "MalformedXML", 400, nil, cause},
		"a checksum nobody knows":      {s3.ErrorIn(s3.UnsupportedAlgorithm()), "InvalidRequest", 400, nil, nil},
		"a name without its value":     {s3.Refuse("NoSuchUpload", "m", "UploadId"), "NoSuchUpload", 404, nil, nil},
		"a code that is in no table":   {s3.Refuse("EntityTooSmall", "m"), "EntityTooSmall", 400, nil, nil},
		"a code with a later addition": {s3.Refuse("NotModified", "m").Because(cause), "NotModified", 304, nil, cause},
	} {
		if c.err.Code != c.code || s3.Status(c.err.Code) != c.status || !slices.Equal(c.err.Elements, c.elements) ||
			!errors.Is(c.err.Cause, c.cause) {
			t.Errorf("%s: %+v with status %d, want %s, %d, %v, %v", name, c.err, s3.Status(c.err.Code), c.code,
				c.status, c.elements, c.cause)
		}
		if c.cause != nil && !errors.Is(c.err, c.cause) {
			t.Errorf("%s doesn't wrap its cause", name)
		}
		if want := c.err.Code + ": " + c.err.Message; c.err.Error() != want || c.err.Message == "" {
			t.Errorf("%s reads %q, want %q", name, c.err.Error(), want)
		}
	}
}

// NotImplemented says in its message what isn't, once.
func TestNotImplementedNamesWhat(t *testing.T) {
	for message, want := range map[string]string{
		"A header you provided is not implemented.": "A header you provided is not implemented: X-Amz-Some",
		"x-amz-some is not implemented":             "x-amz-some is not implemented",
	} {
		if got := s3.Refuse("NotImplemented", message, "Header", "X-Amz-Some").Message; got != want {
			t.Errorf("%q became %q, want %q", message, got, want)
		}
	}
	if got := s3.Refuse("InvalidRequest", "Message.", "Header", "x").Message; got != "Message." {
		t.Errorf("another code's message became %q", got)
	}
}

func TestAnErrorIsFoundInWhatWrapsIt(t *testing.T) {
	e := s3.AccessDenied()
	for name, c := range map[string]struct {
		err  error
		want *s3.Error
	}{
		"nil": {nil, nil}, "itself": {e, e}, "wrapped": {fmt.Errorf("read: %w", e), e}, "another error": {io.EOF, nil},
	} {
		if got := s3.ErrorIn(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Every status is one of HTTP's, and one of an error or of NotModified.
func TestStatusesAreThoseOfErrors(t *testing.T) {
	for code, want := range map[string]int{
		"BucketAlreadyExists": 409, "BucketNotEmpty": 409, "ConditionalRequestConflict": 409, "InvalidAccessKeyId": 403,
		"InvalidRange": 416, "InvalidPartNumber": 416, "MethodNotAllowed": 405, "MissingContentLength": 411,
		"NoSuchVersion":  404,
		"NotImplemented": 501, "OperationAborted": 409, "RequestTimeTooSkewed": 403, "SignatureDoesNotMatch": 403,
		"MalformedXML": 400, "ExpiredToken": 400, "": 400,
	} {
		if got := s3.Status(code); got != want || http.StatusText(got) == "" {
			t.Errorf("%s has status %d, want %d", code, got, want)
		}
	}
}
