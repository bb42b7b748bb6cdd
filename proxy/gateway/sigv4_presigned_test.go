package gateway_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestPresignedRequests(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.HTTPClient(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	host := strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://")
	for name, c := range map[string]struct {
		credentials *sigv4.Credentials
		service     string
	}{
		"long-term credentials":             {p.Credentials(), "s3express"},
		"long-term credentials, service s3": {p.Credentials(), "s3"},
		"a session":                         {p.Session(bucket), "s3express"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/" + bucket + "/dir/a%20key%2Bplus"
			ask := func(method, query, body string, header ...sigv4.Field) *proxytest.Answer {
				t.Helper()
				return p.DoBy(client, method, path+"?"+p.Presigned(c.credentials, c.service, method, host, path, query,
					time.Now(), 5*time.Minute, header...), body, header...)
			}
			if a := ask("PUT", "", "hello", proxytest.Field("x-amz-meta-signed", "by header")); a.StatusCode != 200 ||
				a.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
				t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("GET", "response-content-type=text%2Fhtml", ""); a.Text != "hello" ||
				a.Header.Get("X-Amz-Meta-Signed") != "by header" || a.Header.Get("Content-Type") != "text/html" {
				t.Errorf("GET: %d %q %v", a.StatusCode, a.Text, a.Header)
			}
			if a := ask("HEAD", "", ""); a.StatusCode != 200 || a.ContentLength != 5 {
				t.Errorf("HEAD: %d, %d bytes", a.StatusCode, a.ContentLength)
			}

			// What clients move from the header into the query counts as if it were in the header.
			a := ask("PUT",
				"X-Amz-Meta-Hoisted=in+the%20query&x-amz-meta-Other=2&X-Amz-Checksum-Crc32=NhCmhg%3D%3D&x-amz-server-side-encryption=AES256", "hello")
			if c.credentials.SessionToken != "" {
				if a.StatusCode != 400 {
					t.Errorf("PUT with an encryption that isn't the session's, in the query: %d %s", a.StatusCode,
						a.Text)
				}
				a = ask("PUT", "X-Amz-Meta-Hoisted=in+the%20query&x-amz-meta-Other=2&X-Amz-Checksum-Crc32=NhCmhg%3D%3D",
					"hello")
			}
			if a.StatusCode != 200 {
				t.Fatalf("PUT with hoisted settings: %d %s", a.StatusCode, a.Text)
			}
			a = ask("GET", "X-Amz-Checksum-Mode=ENABLED", "")
			if a.Header.Get("X-Amz-Meta-Hoisted") != "in the query" || a.Header.Get("X-Amz-Meta-Other") != "2" ||
				a.Header.Get("X-Amz-Checksum-Crc32") != "NhCmhg==" {
				t.Errorf("GET after hoisted settings: %v", a.Header)
			}
			if a := ask("PUT", "X-Amz-Checksum-Crc32=AAAAAA%3D%3D", "hello"); a.Code() != "BadDigest" {
				t.Errorf("PUT with a wrong hoisted checksum: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("PUT", "x-amz-meta-a=1", "other", proxytest.Field("x-amz-meta-a", "2")); a.StatusCode != 400 ||
				a.Code() != "InvalidRequest" {
				t.Errorf("PUT with different values in header and query: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("PUT", "x-amz-meta-a=1%0d%0aX-Injected:%201", "other"); a.StatusCode != 400 {
				t.Errorf("PUT with a line break in a hoisted setting: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("PUT", "x-amz-meta-sealfront=x", "other"); a.StatusCode != 400 {
				t.Errorf("PUT with the proxy's own metadata in the query: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("GET", "", ""); a.Text != "hello" {
				t.Errorf("what was refused was stored: %q", a.Text)
			}

			// Method, path and query are signed.
			query := p.Presigned(c.credentials, c.service, "GET", host, path, "", time.Now(), 5*time.Minute)
			for what, a := range map[string]*proxytest.Answer{
				"another method":    p.DoBy(client, "DELETE", path+"?"+query, ""),
				"another path":      p.DoBy(client, "GET", path+"x?"+query, ""),
				"another parameter": p.DoBy(client, "GET", path+"?"+query+"&versionId=null", ""),
				"a longer life": p.DoBy(client, "GET",
					path+"?"+strings.Replace(query, "X-Amz-Expires=300", "X-Amz-Expires=3000", 1), ""),
			} {
				if a.StatusCode != 403 || a.Code() != "SignatureDoesNotMatch" {
					t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
				}
			}
			if a := ask("DELETE", "", ""); a.StatusCode != 204 {
				t.Errorf("DELETE: %d %s", a.StatusCode, a.Text)
			}
			if a := ask("GET", "", ""); a.StatusCode != 404 {
				t.Errorf("GET after DELETE: %d", a.StatusCode)
			}
		})
	}
}

// Trap 6.
func TestPresignedRequestsLiveAsLongAsTheySayAndSignedOnesFifteenMinutes(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.HTTPClient(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	host, path := strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"), "/"+bucket+"/object"
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "hello"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	get := func(age, expires time.Duration) *proxytest.Answer {
		return p.DoBy(client, "GET", path+"?"+p.Presigned(p.Credentials(), "s3express", "GET", host, path, "",
			time.Now().Add(-age), expires), "")
	}
	for name, c := range map[string]struct {
		age, expires time.Duration
		status       int
		message      string
	}{
		"at minute 6 of 10":         {6 * time.Minute, 10 * time.Minute, 200, ""},
		"at minute 20 of 60":        {20 * time.Minute, time.Hour, 200, ""},
		"in its last seconds":       {590 * time.Second, 600 * time.Second, 200, ""},
		"a second after its end":    {601 * time.Second, 600 * time.Second, 403, "Request has expired"},
		"on the last of seven days": {7*24*time.Hour - time.Minute, 7 * 24 * time.Hour, 200, ""},
		"after more than a week":    {time.Minute, 8 * 24 * time.Hour, 400, "X-Amz-Expires must be less than a week"},
		"10 minutes early":          {-10 * time.Minute, time.Hour, 200, ""},
		"20 minutes early":          {-20 * time.Minute, time.Hour, 403, "not yet valid"},
	} {
		if a := get(c.age, c.expires); a.StatusCode != c.status || !strings.Contains(a.Text, c.message) ||
			a.Header.Get("Date") == "" {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.Text, c.status)
		}
	}
	for age, status := range map[time.Duration]int{
		14 * time.Minute: 200, 16 * time.Minute: 403, -14 * time.Minute: 200,
		-16 * time.Minute: 403,
	} {
		a := p.Do(&proxytest.Request{Method: "GET", Path: path, Time: time.Now().Add(-age)})
		if a.StatusCode != status || status == 403 &&
			(a.Code() != "RequestTimeTooSkewed" || a.Header.Get("Date") == "") {
			t.Errorf("signed %s ago: %d %s, want %d", age, a.StatusCode, a.Text, status)
		}
	}
}

// One refusal of each kind, in the order in which a request that has all faults gets them.
func TestRefusalsOfAuthentication(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.HTTPClient(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	path := "/" + bucket + "/object"
	now := time.Now().UTC()
	authorization := func(scheme, date, region, accessKey string) sigv4.Field {
		return proxytest.Field("Authorization",
			scheme+" Credential="+accessKey+"/"+date+"/"+region+
				"/s3express/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="+
				strings.Repeat("0", 64))
	}
	today := now.Format("20060102")
	at := proxytest.Field("X-Amz-Date", now.Format("20060102T150405Z"))
	hash := proxytest.Field("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	for _, row := range []struct {
		name   string
		query  string
		header []sigv4.Field
		status int
		code   string
	}{
		{"anonymous", "", nil, 403, "AccessDenied"},
		{
			"two mechanisms", "X-Amz-Algorithm=AWS4-HMAC-SHA256",
			[]sigv4.Field{authorization("AWS4-HMAC-SHA256", today, "us-west-2", "x")},
			400, "InvalidArgument",
		},
		{
			"SigV2 in the header", "",
			[]sigv4.Field{proxytest.Field("Authorization", "AWS AKIA:c2lnbmF0dXJl")},
			400,
			"InvalidArgument",
		},
		{"SigV2 in the query", "AWSAccessKeyId=AKIA&Expires=1&Signature=x", nil, 400, "InvalidArgument"},
		{
			"SigV4A in the header", "",
			[]sigv4.Field{authorization("AWS4-ECDSA-P256-SHA256", today, "us-west-2", "x")},
			400, "InvalidRequest",
		},
		{
			"SigV4A in the query", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", nil, 400,
			"AuthorizationQueryParametersError",
		},
		{"another scheme", "", []sigv4.Field{proxytest.Field("Authorization", "Bearer x")}, 400, "InvalidArgument"},
		{"malformed before old", "", []sigv4.Field{
			proxytest.Field("Authorization", "AWS4-HMAC-SHA256 x"),
			proxytest.Field("X-Amz-Date", "20200101T000000Z"),
		}, 400, "AuthorizationHeaderMalformed"},
		{
			"old before another region", "",
			[]sigv4.Field{
				authorization("AWS4-HMAC-SHA256", "20200101", "eu-west-1", "nobody"),
				proxytest.Field("X-Amz-Date", "20200101T000000Z"),
			},
			403, "RequestTimeTooSkewed",
		},
		{
			"another region before nobody's access key", "",
			[]sigv4.Field{authorization("AWS4-HMAC-SHA256", today, "eu-west-1", "nobody"), at, hash},
			400,
			"AuthorizationHeaderMalformed",
		},
		{
			"no payload hash before nobody's access key", "",
			[]sigv4.Field{authorization("AWS4-HMAC-SHA256", today, "us-west-2", "nobody"), at},
			400, "InvalidRequest",
		},
		{
			"nobody's access key before a wrong signature", "",
			[]sigv4.Field{authorization("AWS4-HMAC-SHA256", today, "us-west-2", "nobody"), at, hash},
			403,
			"InvalidAccessKeyId",
		},
		{
			"a wrong signature before an unexpected token", "",
			[]sigv4.Field{
				authorization("AWS4-HMAC-SHA256", today, "us-west-2", p.Env["AWS_ACCESS_KEY_ID"]), at, hash,
				proxytest.Field("X-Amz-Security-Token", "x"),
			},
			403, "SignatureDoesNotMatch",
		},
		{
			"a session's token that is none", "",
			[]sigv4.Field{
				authorization("AWS4-HMAC-SHA256", today, "us-west-2", "x"), at, hash,
				proxytest.Field("X-Amz-S3session-Token", "x"),
			},
			400, "InvalidToken",
		},
		{
			"two tokens", "",
			[]sigv4.Field{
				authorization("AWS4-HMAC-SHA256", today, "us-west-2", "x"), at, hash,
				proxytest.Field("X-Amz-S3session-Token", "x"), proxytest.Field("X-Amz-Security-Token", "x"),
			},
			400,
			"InvalidRequest",
		},
	} {
		for _, method := range []string{"GET", "PUT"} {
			a := p.DoBy(client, method, path+"?"+row.query, "", row.header...)
			if a.StatusCode != row.status || a.Code() != row.code || a.Header.Get("Date") == "" {
				t.Errorf("%s %s: %d %s, want %d %s", row.name, method, a.StatusCode, a.Text, row.status, row.code)
			}
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: path,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Security-Token", "x")},
	}); a.StatusCode != 400 ||
		a.Code() != "InvalidToken" {
		t.Errorf("an unexpected token, signed: %d %s", a.StatusCode, a.Text)
	}
	unsigned := p.Presigned(p.Credentials(), "s3express", "PUT",
		strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"), path, "", time.Now(), time.Minute)
	if a := p.DoBy(client, "PUT", path+"?"+unsigned, "x", proxytest.Field("x-amz-meta-a", "b")); a.StatusCode != 403 ||
		!strings.Contains(a.Text, "<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>") {
		t.Errorf("a header that isn't signed: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "object")
}
