package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

func TestContentSHA256(t *testing.T) {
	const invalid = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, " +
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, " +
		"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
	v := testVerifier()
	for value, want := range map[string]sigv4.Payload{
		emptyHash:                                    sigv4.PayloadHash,
		strings.ToUpper(emptyHash):                   sigv4.PayloadHash,
		"UNSIGNED-PAYLOAD":                           sigv4.PayloadUnsigned,
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         sigv4.PayloadUnsignedTrailer,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         sigv4.PayloadSignedChunks,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": sigv4.PayloadSignedChunksTrailer,
	} {
		t.Run(value+" is known", func(t *testing.T) {
			a, err := verify(v, signed(t, "PUT", "/key", "x-amz-content-sha256: "+value), exampleSecret, "s3")
			if err != nil || a.Payload != want || string(a.PayloadHash) != value {
				t.Errorf("%v, %s, %s", err, a.Payload, a.PayloadHash)
			}
			if want != sigv4.PayloadHash && want.String() != value {
				t.Errorf("String: %s", want)
			}
		})
	}
	missing := signed(t, "GET", "/key")
	set(missing, "x-amz-content-sha256", "")
	rows := []row{
		{
			name: "missing, also for GET, and before the signature", request: missing, code: "InvalidRequest",
			message: "Missing required header for this request: x-amz-content-sha256",
		},
		{
			name: "SigV4A", request: signed(t, "PUT", "/key",
				"x-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), code: "InvalidRequest",
			message: unsupported,
		},
		{
			name:    "SigV4A with trailer",
			request: signed(t, "PUT", "/key", "x-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"),
			code:    "InvalidRequest", message: unsupported,
		},
		{
			name: "twice", request: signed(t, "PUT", "/key", "x-amz-content-sha256: "+emptyHash,
				"x-amz-content-sha256: "+emptyHash), code: "InvalidArgument", message: invalid,
		},
		{
			name: "before the signature",
			request: replaced(t, signed(t, "GET", "/key", "x-amz-content-sha256: invalid"), "Signature=",
				"Signature=0"), code: "InvalidArgument", message: invalid,
		},
		{
			name: "after the scope", request: replaced(t, signed(t, "GET", "/key", "x-amz-content-sha256: invalid"),
				"us-west-2", "eu-west-1"), code: "AuthorizationHeaderMalformed",
		},
	}
	for _, value := range []string{
		"invalid", "INVALID", "unsigned-payload", "STREAMING-AWS4-HMAC-SHA256-EVENTS", emptyHash[1:], emptyHash + "0",
		"g" + emptyHash[1:],
	} {
		rows = append(rows, row{
			name: value + " is none", request: signed(t, "PUT", "/key", "x-amz-content-sha256: "+value),
			code: "InvalidArgument", message: invalid,
			elements: map[string]string{"ArgumentName": "x-amz-content-sha256", "ArgumentValue": value},
		})
	}
	testRows(t, rows)
}

func TestCheckPayload(t *testing.T) {
	hash := hexOf(sha256Of([]byte("hello")))
	for _, sent := range []string{hash, strings.ToUpper(hash)} {
		a, err := verify(testVerifier(), signed(t, "PUT", "/key", "x-amz-content-sha256: "+sent), exampleSecret, "s3")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.CheckPayload(sha256Of([]byte("hello"))); err != nil {
			t.Error(err)
		}
		checkError(t, a.CheckPayload(sha256Of(nil)), "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.",
			map[string]string{"ClientComputedContentSHA256": sent, "S3ComputedContentSHA256": emptyHash})
	}
}

func TestTokens(t *testing.T) {
	testRows(t, []row{
		{name: "session token in a signed header", request: signed(t, "GET", "/key", "x-amz-s3session-token: t")},
		{name: "STS token in a signed header", request: signed(t, "GET", "/key", "x-amz-security-token: t")},
		{
			name:    "session token in header and query, the same",
			request: signed(t, "GET", "/key?X-Amz-S3session-Token=t", "x-amz-s3session-token: t"),
		},
		{
			name:    "session token in header and query, different",
			request: signed(t, "GET", "/key?X-Amz-S3session-Token=u", "x-amz-s3session-token: t"),
			code:    "InvalidRequest",
			message: "Conflicting values provided in HTTP headers and query parameters.",
		},
		{
			name:    "STS token in header and query, different",
			request: signed(t, "GET", "/key?X-Amz-Security-Token=u", "x-amz-security-token: t"), code: "InvalidRequest",
		},
		{
			name:    "session token twice in the header",
			request: signed(t, "GET", "/key", "x-amz-s3session-token: t", "x-amz-s3session-token: t"),
			code:    "InvalidRequest",
		},
		{
			name: "both tokens", request: signed(t, "GET", "/key", "x-amz-s3session-token: t",
				"x-amz-security-token: u"), code: "InvalidRequest",
		},
		{
			name:    "both tokens, one in the query",
			request: signed(t, "GET", "/key?x-amz-security-token=u", "x-amz-s3session-token: t"),
			code:    "InvalidRequest",
		},
		{
			name: "conflict comes before the signature",
			request: replaced(t, signed(t, "GET", "/key", "x-amz-s3session-token: t", "x-amz-security-token: u"),
				"Signature=", "Signature=0"), code: "InvalidRequest",
		},
	})
	v := testVerifier()
	a, err := verify(v, signed(t, "GET", "/key?x-amz-s3session-token=a%2Bb"), exampleSecret, "s3")
	if err != nil || string(a.SessionToken) != "a+b" {
		t.Errorf("token in the query in lower case: %v, %q", err, a.SessionToken)
	}
	a, err = verify(v, signed(t, "GET", "/key"), exampleSecret, "s3")
	if err != nil || a.SessionToken != nil || a.SecurityToken != nil {
		t.Errorf("a token of the request before: %v, %q, %q", err, a.SessionToken, a.SecurityToken)
	}
}

func TestAnEmptyTokenIsNone(t *testing.T) {
	a, err := verify(testVerifier(), signed(t, "GET", "/key?x-amz-security-token", "x-amz-s3session-token:"),
		exampleSecret, "s3")
	if err != nil || a.SessionToken != nil || a.SecurityToken != nil {
		t.Errorf("%v, %q, %q", err, a.SessionToken, a.SecurityToken)
	}
}

func TestEffectiveValue(t *testing.T) {
	for _, c := range []struct {
		name    string
		request *sigv4.Message
		value   string
		ok      bool
		code    string
	}{
		{"header", request(t, "GET", "/k", "X-Amz-Checksum-Mode:  ENABLED "), "ENABLED", true, ""},
		{"query", request(t, "GET", "/k?X-Amz-Checksum-Mode=ENABLED"), "ENABLED", true, ""},
		{"query in lower case", request(t, "GET", "/k?a=b&x-amz-checksum-mode=ENABLED&c"), "ENABLED", true, ""},
		{"query, encoded", request(t, "GET", "/k?X%2DAmz-Checksum-Mode=EN%41BLED+x"), "ENABLED x", true, ""},
		{
			"both, the same", request(t, "GET", "/k?X-Amz-Checksum-Mode=ENABLED", "x-amz-checksum-mode: ENABLED"),
			"ENABLED", true, "",
		},
		{
			"both, different", request(t, "GET", "/k?X-Amz-Checksum-Mode=enabled", "x-amz-checksum-mode: ENABLED"), "",
			false, "InvalidRequest",
		},
		{"twice, the first counts", request(t, "GET", "/k?X-Amz-Checksum-Mode=A&X-Amz-Checksum-Mode=B"), "A", true, ""},
		{"empty", request(t, "GET", "/k?X-Amz-Checksum-Mode"), "", true, ""},
		{"neither", request(t, "GET", "/k?X-Amz-Checksum-Modes=ENABLED"), "", false, ""},
		{
			"a value that would write headers", request(t, "GET", "/k?X-Amz-Checksum-Mode=a%0d%0aHost:x"), "", false,
			"InvalidRequest",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			value, ok, err := sigv4.EffectiveValue(c.request, "x-amz-checksum-mode")
			if string(value) != c.value || ok != c.ok || code(err) != c.code {
				t.Errorf("%q, %t, %v", value, ok, err)
			}
		})
	}
}

func TestAppendHoisted(t *testing.T) {
	m := presigned(t, now, time.Hour,
		"/k?X-Amz-Checksum-Mode=ENABLED&x-amz-meta-a=a%20b&X-AMZ-META-A=c&prefix=x&x-amz-acl=private",
		"x-amz-acl: private")
	fields, err := sigv4.AppendHoisted(m.Header, m)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fields[len(m.Header):] {
		got = append(got, string(f.Name)+": "+string(f.Value))
	}
	if s := strings.Join(got, ", "); s != "x-amz-checksum-mode: ENABLED, x-amz-meta-a: a b" {
		t.Errorf("got %s", s)
	}
	for name, target := range map[string]string{
		"conflict":                     "/k?X-Amz-Acl=public",
		"a value that writes headers":  "/k?x-amz-meta-a=b%0D%0AHost:%20c",
		"a name that writes headers":   "/k?x-amz-meta-a:%20b%0D%0AHost=c",
		"more than a request can have": "/k?" + manyParameters(100),
	} {
		m := request(t, "GET", target, "x-amz-acl: private")
		if fields, err := sigv4.AppendHoisted(m.Header, m); code(err) != "InvalidRequest" || fields != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyParameters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&x-amz-meta-" + strings.Repeat("a", i) + "=1")
	}
	return b.String()
}
