package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Who may do what: identity policies, bucket policies and their conditions, on the running program.
func TestBucketPolicies(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
data: `+t.TempDir()+`
identities:
- {name: guest, access_key: AKIAGUEST, secret_key: guestsecret, policy: []}
- name: keyless
  access_key: AKIAKEYLESS
  secret_key: keylesssecret
  policy: [{effect: Allow, action: ["s3express:*", "s3:*"], resource: "*"}]
- name: red
  access_key: AKIARED
  secret_key: redsecret
  policy:
  - {effect: Allow, action: "s3express:CreateSession", resource: "*", condition: {StringEquals: {"s3express:BucketTag/Team": red}}}
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`)
	as := proxytest.Namesake
	ok := func(r *proxytest.Request) *proxytest.Answer {
		t.Helper()
		a := p.Do(r)
		if a.StatusCode/100 != 2 {
			t.Fatalf("%s %s?%s: %d %s", r.Method, r.Path, r.Query, a.StatusCode, a.Text)
		}
		return a
	}
	directory, plain := "policed--local-az1--x-s3", "policed"
	ok(&proxytest.Request{
		Method: "PUT", Path: "/" + directory, Body: proxytest.TaggedBucketDocument,
		Service: "s3express",
	})
	ok(&proxytest.Request{Method: "PUT", Path: "/" + plain})
	ok(&proxytest.Request{Method: "PUT", Path: "/" + directory + "/key", Body: "body"})
	for _, key := range []string{"open/key", "shut/key"} {
		ok(&proxytest.Request{Method: "PUT", Path: "/" + plain + "/" + key, Body: "body"})
	}
	arn := "arn:aws:s3express:us-west-2:123456789012:bucket/" + directory
	statement := func(effect, who, action, resource, condition string) string {
		return fmt.Sprintf(`{"Effect":%q,"Principal":{"AWS":%q},"Action":%q,"Resource":%q,"Condition":{%s}}`, effect,
			who, action, resource, condition)
	}
	document := func(statements ...string) string {
		return `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ", ") + `]}`
	}
	guest := "arn:aws:iam::123456789012:user/guest"
	policyOf := func(bucket, document string) {
		t.Helper()
		ok(&proxytest.Request{Method: "PUT", Path: "/" + bucket, Query: "policy=", Body: document})
		if a := ok(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "policy="}); a.Text != document ||
			a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the policy reads back as %s %s", a.Header.Get("Content-Type"), a.Text)
		}
	}
	read := proxytest.Request{Method: "GET", Path: "/" + directory + "/key", Credentials: as("guest")}
	write := proxytest.Request{Method: "PUT", Path: "/" + directory + "/new", Body: "x", Credentials: as("guest")}
	session := proxytest.Request{
		Method: "GET", Path: "/" + directory, Query: "session=", Service: "s3express",
		Credentials: as("guest"),
	}
	get := func(key, who string) proxytest.Request {
		return proxytest.Request{Method: "GET", Path: "/" + plain + "/" + key, Credentials: as(who)}
	}
	check := func(t *testing.T, name string, r proxytest.Request, status int) {
		t.Helper()
		if a := p.Do(&r); a.StatusCode != status || status == 403 && a.Code() != "AccessDenied" {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.Text, status)
		}
	}

	check(t, "1.2 without a policy nothing is allowed", read, 403)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + directory, Query: "policy="}); a.StatusCode != 404 ||
		a.Code() != "NoSuchBucketPolicy" {
		t.Errorf("no policy: %d %s", a.StatusCode, a.Text)
	}
	policyOf(directory, document(statement("Allow", guest, "s3express:CreateSession", arn,
		`"StringEquals":{"s3express:SessionMode":"ReadOnly"}`)))
	check(t, "1.2 s3express:SessionMode, reading", read, 200)
	check(t, "1.2 s3express:SessionMode, writing", write, 403)
	check(t, "1.2 a session", session, 200)
	session.Header = []sigv4.Field{proxytest.Field("X-Amz-Create-Session-Mode", "ReadWrite")}
	check(t, "1.2 a ReadWrite session", session, 403)

	for _, c := range []struct {
		name, condition string
		status          int
	}{
		{"aws:SecureTransport, over TLS", `"Bool":{"aws:SecureTransport":"true"}`, 200},
		{"aws:SecureTransport false, over TLS", `"Bool":{"aws:SecureTransport":"false"}`, 403},
		{"aws:SourceIp here", `"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`, 200},
		{"aws:SourceIp elsewhere", `"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.7"]}`, 403},
		{"aws:CurrentTime", `"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`, 403},
		{"aws:EpochTime", `"NumericGreaterThan":{"aws:EpochTime":"1700000000"}`, 200},
		{"aws:username", `"StringLike":{"aws:username":"gu*"}`, 200},
		{"s3express:BucketTag", `"StringEquals":{"s3express:BucketTag/Team":"red"}`, 200},
		{"s3express:BucketTag, another value", `"StringEquals":{"s3express:BucketTag/Team":"blue"}`, 403},
		{"s3express:authType", `"StringEquals":{"s3express:authType":"REST-QUERY-STRING"}`, 403},
		{"s3express:TlsVersion", `"NumericLessThan":{"s3express:TlsVersion":"1.2"}`, 403},
		{"s3express:TlsVersion, a good one", `"NumericGreaterThanEquals":{"s3express:TlsVersion":"1.2"}`, 200},
		{"s3express:signatureAge, old", `"NumericGreaterThan":{"s3express:signatureAge":"600000"}`, 403},
		{"s3express:signatureAge, new", `"NumericLessThan":{"s3express:signatureAge":"600000"}`, 200},
		{
			"the key of a bucket that has none",
			`"StringEquals":{"s3express:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:us-west-2:123456789012:key/x"}`, 403,
		},
	} {
		policyOf(directory, document(statement("Allow", guest, "s3express:CreateSession", arn, c.condition)))
		check(t, "1.2 "+c.name, read, c.status)
	}
	policyOf(directory, document(statement("Deny", "arn:aws:iam::123456789012:root", "s3express:CreateSession", arn,
		"")))
	check(t, "an explicit Deny wins", proxytest.Request{Method: "GET", Path: "/" + directory + "/key"}, 403)
	for _, method := range []string{"GET", "DELETE"} { // and shuts nobody out of the policy itself
		ok(&proxytest.Request{Method: method, Path: "/" + directory, Query: "policy="})
	}
	check(t, "without the policy again", proxytest.Request{Method: "GET", Path: "/" + directory + "/key"}, 200)

	policyOf(plain, document(statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::"+plain+"/open/*", ""),
		statement("Deny", "*", "s3:DeleteObject", "arn:aws:s3:::"+plain+"/*", "")))
	check(t, "an object that the bucket's policy opens", get("open/key", "guest"), 200)
	check(t, "one that it doesn't", get("shut/key", "guest"), 403)
	check(t, "a deletion that it denies", proxytest.Request{Method: "DELETE", Path: "/" + plain + "/open/key"}, 403)
	if a := p.Do(&proxytest.Request{
		Method: "POST", Path: "/" + plain, Query: "delete=",
		Body: "<Delete><Object><Key>open/key</Key></Object></Delete>",
		Header: []sigv4.Field{proxytest.Field("Content-Md5",
			"1BdJ0q8eG4r62zIrQBTfGQ==")},
	}); !strings.Contains(a.Text, "<Code>AccessDenied</Code>") {
		t.Errorf("a deletion among many that is denied: %s", a.Text)
	}
	check(t, "a copy from what is shut",
		proxytest.Request{
			Method: "PUT", Path: "/" + plain + "/open/copy", Credentials: as("guest"),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", plain+"/shut/key")},
		}, 403)
	policyOf(plain, document(statement("Allow", "*", "s3:PutObject", "arn:aws:s3:::"+plain+"/new/*",
		`"Null":{"s3:if-none-match":"false"}`)))
	check(t, "a write without the condition that the policy wants",
		proxytest.Request{Method: "PUT", Path: "/" + plain + "/new/a", Body: "x", Credentials: as("guest")}, 403)
	check(t, "a write with it", proxytest.Request{
		Method: "PUT", Path: "/" + plain + "/new/a", Body: "x",
		Credentials: as("guest"), Header: []sigv4.Field{proxytest.Field("If-None-Match", "*")},
	}, 200)
	policyOf(plain, document(statement("Allow", "*", "s3:*Object", "arn:aws:s3:::"+plain+"/${aws:username}/*", ""),
		statement("Allow", "*", "s3:ListBucket", "arn:aws:s3:::"+plain,
			`"StringLike":{"s3:prefix":"${aws:username}/*"}`)))
	check(t, "a write to one's own home",
		proxytest.Request{Method: "PUT", Path: "/" + plain + "/guest/a", Body: "x", Credentials: as("guest")}, 200)
	check(t, "a read from it", get("guest/a", "guest"), 200)
	check(t, "a read by another one", get("guest/a", "red"), 403)
	check(t, "a write to another one's home",
		proxytest.Request{Method: "PUT", Path: "/" + plain + "/red/a", Body: "x", Credentials: as("guest")}, 403)
	check(t, "a list of one's own home",
		proxytest.Request{
			Method: "GET", Path: "/" + plain, Query: "list-type=2&prefix=guest%2F",
			Credentials: as("guest"),
		}, 200)
	check(t, "a list of another one's",
		proxytest.Request{
			Method: "GET", Path: "/" + plain, Query: "list-type=2&prefix=red%2F",
			Credentials: as("guest"),
		}, 403)
	if a := ok(&proxytest.Request{Method: "GET", Path: "/" + plain, Query: "policyStatus="}); !strings.Contains(a.Text,
		"<IsPublic>false</IsPublic>") {
		t.Error(a.Text)
	}
	anonymous, err := p.HTTPClient(t).Get(p.Env["AWS_ENDPOINT_URL"] + "/" + plain + "/open/key")
	if err != nil {
		t.Fatal(err)
	}
	_ = anonymous.Body.Close()
	if anonymous.StatusCode != http.StatusForbidden {
		t.Errorf("an anonymous request where the policy names everybody: %d", anonymous.StatusCode)
	}
	for name, text := range map[string]string{
		"one that asks for what no request has": document(statement("Deny", "*", "s3:GetObject",
			"arn:aws:s3:::"+plain+"/*", `"StringEquals":{"s3:ExistingObjectTag/class":"secret"}`)),
		"empty": "", "no JSON": "{",
		"another bucket's": document(statement("Allow", guest, "s3:GetObject", "arn:aws:s3:::other/*", "")),
	} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + plain, Query: "policy=",
			Body: text,
		}); a.StatusCode != 400 || a.Code() != "MalformedPolicy" {
			t.Errorf("a policy that is %s: %d %s", name, a.StatusCode, a.Text)
		}
	}

	// A tag that an identity's policy asks for.
	check(t, "1.2 s3express:BucketTag in an identity's policy",
		proxytest.Request{Method: "GET", Path: "/" + directory + "/key", Credentials: as("red")}, 200)
	check(t, "… on a bucket without it",
		proxytest.Request{
			Method: "GET", Path: "/" + proxytest.DemoBucket, Query: "list-type=2",
			Credentials: as("red"),
		}, 403)

	// R25: a session that chose SSE-S3 doesn't lend the KMS permission that its principal does not have.
	ok(&proxytest.Request{Method: "PUT", Path: "/" + proxytest.DemoBucket + "/sealed", Body: "body"})
	refused := proxytest.Request{
		Method: "GET", Path: "/" + proxytest.DemoBucket, Query: "session=",
		Service: "s3express", Credentials: as("keyless"),
	}
	check(t, "R25 an SSE-KMS session without KMS rights", refused, 403)
	managed := p.SessionAs(as("keyless"), proxytest.DemoBucket,
		proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"))
	check(t, "R25 reading an SSE-KMS object in an SSE-S3 session without KMS rights",
		proxytest.Request{
			Method: "GET", Path: "/" + proxytest.DemoBucket + "/sealed", Service: "s3express",
			Credentials: managed,
		}, 403)
	check(t, "R25 writing in it", proxytest.Request{
		Method: "PUT", Path: "/" + proxytest.DemoBucket + "/managed",
		Body: "x", Service: "s3express", Credentials: managed,
	}, 200)
	check(t, "R25 reading what it wrote",
		proxytest.Request{
			Method: "GET", Path: "/" + proxytest.DemoBucket + "/managed", Service: "s3express",
			Credentials: managed,
		}, 200)
	mine := p.Session(proxytest.DemoBucket, proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"))
	check(t, "R25 reading an SSE-KMS object in an SSE-S3 session with KMS rights",
		proxytest.Request{
			Method: "GET", Path: "/" + proxytest.DemoBucket + "/sealed", Service: "s3express",
			Credentials: mine,
		}, 200)
}
