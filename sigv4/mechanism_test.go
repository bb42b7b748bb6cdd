package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

const (
	unsupported = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
	onlyOne     = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string " +
		"parameter or the Authorization header should be specified"
)

func TestMechanisms(t *testing.T) {
	good := field(signed(t, "GET", "/key"), "authorization")
	testRows(t, []row{
		{name: "Authorization AWS4-HMAC-SHA256 is header SigV4", request: signed(t, "GET", "/key")},
		{name: "query X-Amz-Algorithm is presigned SigV4", request: presigned(t, now, time.Minute, "/key")},
		{
			name:    "Authorization AWS is SigV2",
			request: request(t, "GET", "/key", "Authorization: AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="),
			code:    "InvalidRequest", message: unsupported,
		},
		{
			name:    "query Signature, Expires and AWSAccessKeyId is SigV2",
			request: request(t, "GET", "/key?AWSAccessKeyId=A&Expires=1&Signature=x"),
			code:    "InvalidRequest", message: unsupported,
		},
		{
			name: "SigV4A in the header is refused",
			request: request(t, "GET", "/key", "Authorization: "+
				strings.Replace(good, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1)),
			code: "InvalidRequest", message: unsupported,
		},
		{
			name:    "SigV4A in the query is refused",
			request: request(t, "GET", "/key?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Region-Set=*"),
			code:    "AuthorizationQueryParametersError", message: `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`,
		},
		{
			name:    "header and presigned query together",
			request: added(presigned(t, now, time.Minute, "/key"), "Authorization", good),
			code:    "InvalidArgument", message: onlyOne, elements: map[string]string{
				"ArgumentName": "Authorization", "ArgumentValue": good,
			},
		},
		{
			name:    "header and SigV2 query together",
			request: request(t, "GET", "/key?AWSAccessKeyId=A&Expires=1&Signature=x", "Authorization: "+good),
			code:    "InvalidArgument", message: onlyOne,
		},
		{
			name: "presigned query and SigV2 query together",
			request: replaced(t, presigned(t, now, time.Minute, "/key"), "X-Amz-Algorithm",
				"AWSAccessKeyId=A&Expires=1&Signature=x&X-Amz-Algorithm"),
			code: "InvalidArgument", message: onlyOne,
		},
		{
			name: "two Authorization headers", request: added(signed(t, "GET", "/key"), "authorization", good),
			code: "InvalidArgument", message: onlyOne, elements: map[string]string{
				"ArgumentName": "Authorization", "ArgumentValue": good,
			},
		},
		{
			name:    "form POST with an Authorization header",
			request: signed(t, "POST", "/", "Content-Type: multipart/form-data; boundary=x"),
			code:    "InvalidArgument", message: "x-amz-content-sha256 must be",
			elements: map[string]string{"ArgumentName": "x-amz-content-sha256"},
		},
		{
			name:    "POST of multipart/form-data with a query is no form",
			request: signed(t, "POST", "/key?uploads", "Content-Type: multipart/form-data; boundary=x"),
		},
		{
			name:    "PUT of multipart/form-data is no form",
			request: signed(t, "PUT", "/key", "Content-Type: multipart/form-data; boundary=x"),
		},
		{
			name: "Basic", request: request(t, "GET", "/key", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
			code: "InvalidArgument", message: "Unsupported Authorization Type",
			elements: map[string]string{"ArgumentName": "Authorization"},
		},
		{
			name: "Bearer", request: request(t, "GET", "/key", "Authorization: Bearer x"), code: "InvalidArgument",
			message: "Unsupported Authorization Type",
		},
		{
			name: "empty Authorization", request: request(t, "GET", "/key", "Authorization:"), code: "InvalidArgument",
			message: "Unsupported Authorization Type",
		},
		{
			name: "nothing is anonymous", request: request(t, "GET", "/key"), code: "AccessDenied",
			message: "Access Denied",
		},
		{
			name:    "a form is anonymous until its fields are read",
			request: request(t, "POST", "/", "Content-Type: Multipart/Form-Data; boundary=x"), code: "AccessDenied",
		},
		{
			name: "a lone Signature parameter is no mechanism", request: request(t, "GET", "/key?Signature=x"),
			code: "AccessDenied",
		},
	})
}

func TestKindOfRequest(t *testing.T) {
	v := testVerifier()
	for _, c := range []struct {
		request *sigv4.Message
		kind    sigv4.Kind
	}{
		{request(t, "GET", "/key"), sigv4.Anonymous},
		{signed(t, "GET", "/key"), sigv4.Header},
		{presigned(t, now, time.Minute, "/key"), sigv4.Presigned},
		{request(t, "POST", "/", "content-type: multipart/form-data; boundary=x"), sigv4.Form},
	} {
		var a sigv4.Authentication
		if err := v.Read(c.request, &a, "s3"); err != nil || a.Kind != c.kind {
			t.Errorf("%s, %v, want %s", a.Kind, err, c.kind)
		}
	}
}

func TestNothingVerifiesWithoutASecret(t *testing.T) {
	m := request(t, "GET", "/key")
	set(m, "X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
	set(m, "X-Amz-Content-Sha256", emptyHash)
	none := sigv4.Credentials{AccessKeyID: "AKIANOBODY"}
	set(m, "Authorization", string(sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, &none, now)))
	_, err := verify(testVerifier(), m, "", "s3")
	checkError(t, err, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
		map[string]string{"AWSAccessKeyId": "AKIANOBODY"})
}

func TestCheckRefusesWhatReadRefused(t *testing.T) {
	v := testVerifier()
	m := signedAt(now.Add(-time.Hour), request(t, "GET", "/key"), "s3")
	var a sigv4.Authentication
	if err := v.Read(m, &a, "s3"); code(err) != "RequestTimeTooSkewed" {
		t.Fatal(err)
	}
	if err := v.Check(m, &a, exampleSecret); code(err) != "AccessDenied" {
		t.Errorf("Check after a failed Read: %v", err)
	}
}

func TestMalformedMessages(t *testing.T) {
	broken := func(change func(*sigv4.Message)) *sigv4.Message {
		m := signed(t, "GET", "/key")
		change(m)
		return m
	}
	testRows(t, []row{
		{name: "folded line", request: added(signed(t, "GET", "/key"), "X-Folded", "a\r\n b"), code: "InvalidRequest"},
		{
			name: "bare line feed in a value", request: added(signed(t, "GET", "/key"), "X-Line", "a\nb"),
			code: "InvalidRequest",
		},
		{
			name: "bare carriage return in a value", request: added(signed(t, "GET", "/key"), "X-Line", "a\rb"),
			code: "InvalidRequest",
		},
		{name: "NUL in a value", request: added(signed(t, "GET", "/key"), "X-Nul", "a\x00b"), code: "InvalidRequest"},
		{name: "space in a name", request: added(signed(t, "GET", "/key"), "X Y", "a"), code: "InvalidRequest"},
		{name: "colon in a name", request: added(signed(t, "GET", "/key"), "X:", "a"), code: "InvalidRequest"},
		{name: "empty name", request: added(signed(t, "GET", "/key"), "", "a"), code: "InvalidRequest"},
		{
			name: "line feed in the method", request: broken(func(m *sigv4.Message) { m.Method = []byte("GET\n/") }),
			code: "InvalidRequest",
		},
		{name: "no method", request: broken(func(m *sigv4.Message) { m.Method = nil }), code: "InvalidRequest"},
		{
			name: "invalid escape %zz in the path", request: broken(func(m *sigv4.Message) { m.Path = []byte("/%zz") }),
			code: "InvalidURI",
		},
		{
			name: "escape cut short in the path", request: broken(func(m *sigv4.Message) { m.Path = []byte("/%4") }),
			code: "InvalidURI",
		},
		{
			name: "invalid escape in the query", request: broken(func(m *sigv4.Message) { m.Query = []byte("a=%g0") }),
			code: "InvalidURI",
		},
		{
			name: "escape cut short in the query", request: broken(func(m *sigv4.Message) { m.Query = []byte("a=%") }),
			code: "InvalidURI",
		},
		{
			name:    "bytes above 127 in a value are taken as they are",
			request: signed(t, "GET", "/key", "x-amz-meta-name: \xff\xc3\xa9"),
		},
	})
}
