package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

const week = 7 * 24 * time.Hour

func TestPresignedURLs(t *testing.T) {
	const bad = "AuthorizationQueryParametersError"
	with := func(old, by string) *sigv4.Message {
		return replaced(t, presigned(t, now, time.Hour, "/key"), old, by)
	}
	without := func(name string) *sigv4.Message {
		m := presigned(t, now, time.Hour, "/key")
		_, after, _ := strings.Cut(string(m.Query), name+"=")
		value, _, _ := strings.Cut(after, "&")
		return replaced(t, m, name+"="+value, "")
	}
	const missing = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
		"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	rows := []row{
		{name: "good", request: presigned(t, now, time.Hour, "/key?x-id=GetObject")},
		{
			name: "another algorithm", request: with("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), code: bad,
			message: `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`,
		},
		{
			name: "credential encoded twice", request: with("%2Fus-west-2%2F", "%252Fus-west-2%252F"), code: bad,
			message: `Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting ` +
				`"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
		},
		{
			name: "date not in ISO basic", request: with("X-Amz-Date=20261123T070000Z", "X-Amz-Date=2026-11-23"),
			code:    bad,
			message: `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`,
		},
		{
			name: "expires above a week", request: with("X-Amz-Expires=3600", "X-Amz-Expires=604801"), code: bad,
			message: "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be " +
				"less than 604800 seconds",
		},
		{
			name:    "expires far above a week",
			request: with("X-Amz-Expires=3600", "X-Amz-Expires=99999999999999999999999"), code: bad,
			message: "less than a week",
		},
		{name: "expires a week", request: presigned(t, now.Add(-week), week, "/key")},
		{
			name: "expires with leading zeros", request: with("X-Amz-Expires=3600", "X-Amz-Expires=0000003600"),
			code: "SignatureDoesNotMatch",
		},
		{
			name: "expires negative", request: with("X-Amz-Expires=3600", "X-Amz-Expires=-1"), code: bad,
			message: "X-Amz-Expires must be non-negative",
		},
		{
			name: "expires not a number", request: with("X-Amz-Expires=3600", "X-Amz-Expires=1h"), code: bad,
			message: "X-Amz-Expires should be a number",
		},
		{
			name: "expires a lone minus", request: with("X-Amz-Expires=3600", "X-Amz-Expires=-"), code: bad,
			message: "X-Amz-Expires should be a number",
		},
		{
			name: "expires 0 is expired at once", request: presigned(t, now, 0, "/key"), code: "AccessDenied",
			message: "Request has expired",
		},
		{
			name:    "signed headers with a colon",
			request: with("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3A"), code: bad,
		},
		{
			name:    "signed headers with a line feed",
			request: with("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%0A"), code: bad,
		},
		{
			name: "wrong region", request: with("us-west-2", "eu-west-1"), code: bad,
			message: "Error parsing the X-Amz-Credential parameter; the region 'eu-west-1' is wrong; expecting " +
				"'us-west-2'",
		},
		{
			name: "wrong service", request: with("%2Fs3%2F", "%2Fec2%2F"), code: bad,
			message: `Error parsing the X-Amz-Credential parameter; incorrect service "ec2". This endpoint belongs ` +
				`to "s3".`,
		},
		{
			name: "wrong terminal", request: with("aws4_request", "aws4"), code: bad,
			message: `incorrect terminal "aws4". This endpoint uses "aws4_request".`,
		},
		{
			name: "wrong date format", request: with("%2F20261123%2F", "%2F2026%2F"), code: bad,
			message: `incorrect date format "2026"`,
		},
		{
			name: "another credential date", request: with("%2F20261123%2F", "%2F20261122%2F"), code: bad,
			message: "Invalid credential date",
		},
		{name: "HEAD with a GET URL", request: func() *sigv4.Message {
			m := presigned(t, now, time.Hour, "/key")
			m.Method = []byte("HEAD")
			return m
		}(), code: "SignatureDoesNotMatch"},
		{
			name: "an unknown parameter added", request: with("X-Amz-Algorithm", "versionId=1&X-Amz-Algorithm"),
			code: "SignatureDoesNotMatch",
		},
		{name: "an unknown parameter signed", request: presigned(t, now, time.Hour, "/key?foo=bar&foo=")},
		{name: "parameters in another order", request: func() *sigv4.Message {
			m := presigned(t, now, time.Hour, "/key?x-id=GetObject")
			m.Query = []byte(strings.TrimPrefix(string(m.Query), "x-id=GetObject&") + "&x-id=GetObject")
			return m
		}()},
		{
			name:    "a second date that conflicts is ignored for parsing, not for signing",
			request: with("X-Amz-Signature", "X-Amz-Date=20200101T000000Z&X-Amz-Signature"),
			code:    "SignatureDoesNotMatch",
		},
		{
			name: "a second signature is ignored", request: with("X-Amz-Signature=", "x=&X-Amz-Signature="),
			code: "SignatureDoesNotMatch",
		},
		{
			name: "a lower-case parameter isn't one", request: with("X-Amz-Signature", "x-amz-signature"), code: bad,
			message: missing,
		},
	}
	for _, name := range []string{
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires",
	} {
		rows = append(rows, row{name: name + " missing", request: without(name), code: bad, message: missing},
			row{name: name + " empty", request: with(name+"=", name+"=&Was="), code: bad, message: missing})
	}
	testRows(t, rows)
}

func TestDuplicatePresignParametersTheFirstCounts(t *testing.T) {
	m := request(t, "GET", "/key?X-Amz-Expires=60") // signed with another X-Amz-Expires behind it
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	m.Query = sigv4.NewSigner("us-west-2", "s3").AppendPresigned(nil, m, &c, now, time.Hour)
	a, err := verify(testVerifier(), m, exampleSecret, "s3")
	if err != nil || a.Expires != time.Minute {
		t.Errorf("%v, expires %s", err, a.Expires)
	}
}

func TestPresignedClock(t *testing.T) {
	for _, c := range []struct {
		name    string
		at      time.Duration // of the clock, from the date signed
		expires time.Duration
		code    string
		message string
	}{
		{"at minute 6 of an hour", 6 * time.Minute, time.Hour, "", ""},
		{"at its last second", time.Hour, time.Hour, "", ""},
		{"just after its last second", time.Hour + time.Millisecond, time.Hour, "AccessDenied", "Request has expired"},
		{"on the last day of a week", week - time.Second, week, "", ""},
		{"after a week", week + time.Second, week, "AccessDenied", "Request has expired"},
		{"15 minutes early", -15 * time.Minute, time.Hour, "", ""},
		{
			"more than 15 minutes early", -15*time.Minute - time.Second, time.Hour, "AccessDenied",
			"Request is not yet valid",
		},
		{"after 15 minutes, unlike a header-signed request", 16 * time.Minute, time.Hour, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now.Add(c.at))})
			_, err := verify(v, presigned(t, now, c.expires, "/key"), exampleSecret, "s3")
			checkError(t, err, c.code, c.message, nil)
		})
	}
	expired := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now.Add(2 * time.Hour))})
	m := replaced(t, presigned(t, now, time.Hour, "/key"), "%2F20261123%2F", "%2F20261122%2F")
	_, err := verify(expired, m, exampleSecret, "s3")
	checkError(t, err, "AccessDenied", "Request has expired", map[string]string{ // before the credential's date
		"X-Amz-Expires": "3600", "Expires": "2026-11-23T08:00:00Z", "ServerTime": "2026-11-23T09:00:00Z"})
	early := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now.Add(-time.Hour))})
	_, err = verify(early, presigned(t, now, time.Hour, "/key"), exampleSecret, "s3")
	checkError(t, err, "AccessDenied", "Request is not yet valid", map[string]string{
		"X-Amz-Date": "20261123T070000Z", "Expires": "2026-11-23T08:00:00Z", "ServerTime": "2026-11-23T06:00:00Z",
	})
}

func TestPresignedPayload(t *testing.T) {
	hash := hexOf(sha256Of([]byte("hello")))
	v := testVerifier()
	for _, c := range []struct {
		name    string
		request *sigv4.Message
		code    string
		payload sigv4.Payload
		fits    bool // the body "hello"
	}{
		{"no header", presigned(t, now, time.Hour, "/key"), "", sigv4.PayloadUnsigned, true},
		{
			"UNSIGNED-PAYLOAD unsigned",
			added(presigned(t, now, time.Hour, "/key"), "x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "",
			sigv4.PayloadUnsigned, true,
		},
		{
			"a hash that was signed", presigned(t, now, time.Hour, "/key", "x-amz-content-sha256: "+hash), "",
			sigv4.PayloadHash, true,
		},
		{
			"a hash that was signed, of another body",
			presigned(t, now, time.Hour, "/key", "x-amz-content-sha256: "+emptyHash), "", sigv4.PayloadHash, false,
		},
		{
			"a hash that wasn't signed", added(presigned(t, now, time.Hour, "/key"), "x-amz-content-sha256", hash),
			"SignatureDoesNotMatch", 0, false,
		},
		{
			"a streaming marker counts as a hash",
			presigned(t, now, time.Hour, "/key", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"), "",
			sigv4.PayloadHash, false,
		},
		{
			"UNSIGNED-PAYLOAD in the query", presigned(t, now, time.Hour, "/key?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"),
			"", sigv4.PayloadUnsigned, true,
		},
		{
			"header and query differ", added(presigned(t, now, time.Hour, "/key?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"),
				"x-amz-content-sha256", hash), "InvalidRequest", 0, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := verify(v, c.request, exampleSecret, "s3")
			checkError(t, err, c.code, "", nil)
			if err != nil {
				return
			}
			if a.Payload != c.payload {
				t.Errorf("payload %s, want %s", a.Payload, c.payload)
			}
			err = a.CheckPayload(sha256Of([]byte("hello")))
			if c.fits != (err == nil) || err != nil && code(err) != "XAmzContentSHA256Mismatch" {
				t.Errorf("body: %v", err)
			}
		})
	}
}

func TestPresignedSession(t *testing.T) {
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret, SessionToken: "a/b+c=="}
	for _, x := range []struct{ service, parameter string }{
		{"s3express", "X-Amz-S3session-Token"}, {"s3", "X-Amz-Security-Token"},
	} {
		m := request(t, "GET", "/key")
		m.Query = sigv4.NewSigner("us-west-2", x.service).AppendPresigned(nil, m, &c, now, time.Hour)
		if !strings.Contains(string(m.Query), x.parameter+"=a%2Fb%2Bc%3D%3D") {
			t.Errorf("%s", m.Query)
		}
		a, err := verify(testVerifier(), m, exampleSecret, x.service)
		if err != nil || string(a.SessionToken)+string(a.SecurityToken) != c.SessionToken ||
			(a.SessionToken != nil) != (x.service == "s3express") {
			t.Errorf("%s: %v, session %q, security %q", x.service, err, a.SessionToken, a.SecurityToken)
		}
	}
}
