package main

import (
	"strings"
	"testing"

	"sealfront/sigv4"
)

const directoryBucketDocument = `<CreateBucketConfiguration><Location><Name>local-az1</Name><Type>AvailabilityZone</Type></Location><Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>`

// Section 3.3: what fails, and how. SE-1, expiry, is in package gateway's tests, which have a clock.
func TestSessionsThatFail(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	bucket := p.env["SEALFRONT_BUCKET"]
	long := &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.env["AWS_SECRET_ACCESS_KEY"]}
	s := p.session(bucket)
	reading := p.session(bucket, field("X-Amz-Create-Session-Mode", "ReadOnly"))
	changed := func(change func(*sigv4.Credentials)) *sigv4.Credentials {
		c := *s
		change(&c)
		return &c
	}
	put := func(c *sigv4.Credentials) *rawRequest {
		return &rawRequest{method: "PUT", path: "/" + bucket + "/key", body: "body", service: "s3express", credentials: c}
	}
	for name, c := range map[string]struct {
		r      *rawRequest
		status int
		code   string
	}{
		"a session":                          {put(s), 200, ""},
		"SE-3 altered token":                 {put(changed(func(c *sigv4.Credentials) { c.SessionToken = altered(c.SessionToken, 40) })), 400, "InvalidToken"},
		"SE-3 cut token":                     {put(changed(func(c *sigv4.Credentials) { c.SessionToken = c.SessionToken[:100] })), 400, "InvalidToken"},
		"SE-3 no token of ours":              {put(changed(func(c *sigv4.Credentials) { c.SessionToken = "AQoEXAMPLE" })), 400, "InvalidToken"},
		"SE-5 another access key id":         {put(changed(func(c *sigv4.Credentials) { c.AccessKeyID = "ASIAANOTHERACCESSKEY" })), 400, "InvalidToken"},
		"SE-6 session key without a token":   {put(changed(func(c *sigv4.Credentials) { c.SessionToken = "" })), 403, "InvalidAccessKeyId"},
		"SE-7 long-term key with a token":    {put(changed(func(c *sigv4.Credentials) { c.AccessKeyID, c.SecretAccessKey = long.AccessKeyID, long.SecretAccessKey })), 400, "InvalidToken"},
		"the right id, the wrong secret":     {put(changed(func(c *sigv4.Credentials) { c.SecretAccessKey = "wrong" })), 403, "SignatureDoesNotMatch"},
		"SE-8 write in a ReadOnly session":   {put(reading), 403, "AccessDenied"},
		"SE-8 delete in a ReadOnly session":  {&rawRequest{method: "DELETE", path: "/" + bucket + "/key", service: "s3express", credentials: reading}, 403, "AccessDenied"},
		"REG-1 change in a ReadOnly session": {&rawRequest{method: "DELETE", path: "/" + bucket, query: "encryption=", service: "s3express", credentials: reading}, 403, "AccessDenied"},
		"read in a ReadOnly session":         {&rawRequest{method: "GET", path: "/" + bucket, query: "list-type=2", service: "s3express", credentials: reading}, 200, ""},
		"HeadBucket in a ReadOnly session":   {&rawRequest{method: "HEAD", path: "/" + bucket, service: "s3express", credentials: reading}, 200, ""},
		"3.1 CreateSession with a session":   {&rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", credentials: s}, 400, "InvalidRequest"},
		"U-17 CopyObject with a session":     {&rawRequest{method: "PUT", path: "/" + bucket + "/copy", service: "s3express", credentials: s, header: []sigv4.Field{field("X-Amz-Copy-Source", bucket+"/key")}}, 403, "AccessDenied"},
		"3.1 another mode":                   {&rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", header: []sigv4.Field{field("X-Amz-Create-Session-Mode", "Write")}}, 400, "InvalidArgument"},
		"PUT-2 the session's kind differs":   {&rawRequest{method: "PUT", path: "/" + bucket + "/key", body: "x", service: "s3express", credentials: s, header: []sigv4.Field{field("X-Amz-Server-Side-Encryption", "AES256")}}, 400, "InvalidRequest"},
		"PUT-4 the session's kind repeated":  {&rawRequest{method: "PUT", path: "/" + bucket + "/key", body: "x", service: "s3express", credentials: s, header: []sigv4.Field{field("X-Amz-Server-Side-Encryption", "aws:kms"), field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.env["SEALFRONT_KMS_KEY"])}}, 200, ""},
		"an unknown access key":              {put(&sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}), 403, "InvalidAccessKeyId"},
		"an unknown bucket":                  {&rawRequest{method: "GET", path: "/none--local-az1--x-s3/key", service: "s3express"}, 404, "NoSuchBucket"},
	} {
		a := p.do(c.r)
		if a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.code(), c.status, c.code)
		}
		if c.status == 403 && a.Header.Get("Date") == "" {
			t.Errorf("%s: no Date, which SDKs set their clocks by", name)
		}
	}
}

// Trap 14: a session of one bucket on another, and on the next bucket of its name.
func TestSessionsBelongToOneBucket(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	create := func(bucket string) {
		t.Helper()
		if a := p.do(&rawRequest{method: "PUT", path: "/" + bucket, service: "s3express", body: directoryBucketDocument}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.body)
		}
	}
	one, other := "one--local-az1--x-s3", "other--local-az1--x-s3"
	create(one)
	create(other)
	s := p.session(one)
	if a := p.do(&rawRequest{method: "GET", path: "/" + other + "/key", service: "s3express", credentials: s}); a.StatusCode != 403 || a.code() != "AccessDenied" {
		t.Errorf("SE-4: %d %s", a.StatusCode, a.code())
	}
	if a := p.do(&rawRequest{method: "DELETE", path: "/" + one, service: "s3express"}); a.StatusCode != 204 {
		t.Fatal(a.StatusCode, a.body)
	}
	if a := p.do(&rawRequest{method: "GET", path: "/" + one + "/key", service: "s3express", credentials: s}); a.StatusCode != 404 || a.code() != "NoSuchBucket" {
		t.Errorf("SE-12: %d %s", a.StatusCode, a.code())
	}
	if a := p.do(&rawRequest{method: "PUT", path: "/" + one, service: "s3express", body: directoryBucketDocument}); a.StatusCode != 200 {
		t.Errorf("L8, made again at once where no other replica can be: %d %s", a.StatusCode, a.code())
	}
	// REG-2: a session for a bucket that is still to come is good for CreateBucket alone.
	early := p.session("early--local-az1--x-s3")
	use := func(method, path, body string) *answer {
		return p.do(&rawRequest{method: method, path: "/early--local-az1--x-s3" + path, service: "s3express", credentials: early, body: body})
	}
	if a := use("PUT", "/key", "body"); a.StatusCode != 404 || a.code() != "NoSuchBucket" {
		t.Errorf("REG-2, an object before the bucket: %d %s", a.StatusCode, a.code())
	}
	if a := use("PUT", "", directoryBucketDocument); a.StatusCode != 200 {
		t.Errorf("REG-2, CreateBucket: %d %s", a.StatusCode, a.body)
	}
	if a := use("PUT", "/key", "body"); a.StatusCode != 200 || a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Errorf("REG-2, an object afterwards: %d %s", a.StatusCode, a.body)
	}
	if a := use("PUT", "?encryption=", ""); a.StatusCode == 200 {
		t.Error("an empty encryption configuration was taken")
	}
}

// What an identity's policy doesn't grant is denied, whatever the client signs with.
func TestW13Permissions(t *testing.T) {
	dir := t.TempDir()
	p := startWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
data: `+dir+`
identities:
- name: reader
  access_key: AKIAREADER
  secret_key: readersecret
  policy:
  - {effect: Allow, action: "s3express:CreateSession", resource: "*", condition: {StringEquals: {"s3express:SessionMode": ReadOnly}}}
  - {effect: Allow, action: ["kms:Decrypt", "kms:GenerateDataKey"], resource: "*"}
  - {effect: Allow, action: "s3:GetObject", resource: "arn:aws:s3:::open/*"}
- name: nokms
  access_key: AKIANOKMS
  secret_key: nokmssecret
  policy: [{effect: Allow, action: ["s3express:*", "s3:*"], resource: "*"}]
- name: nobody
  access_key: AKIANOBODY
  secret_key: nobodysecret
  policy: []
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`)
	bucket := demoBucket
	as := func(name string) *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: name + "secret"}
	}
	for _, r := range []*rawRequest{{method: "PUT", path: "/open"}, {method: "PUT", path: "/open/key", body: "b"}, {method: "PUT", path: "/" + bucket + "/key", body: "b"}} {
		if a := p.do(r); a.StatusCode != 200 {
			t.Fatal(r.path, a.StatusCode, a.body)
		}
	}
	for name, c := range map[string]struct {
		r      rawRequest
		status int
	}{
		"SE-9 no mode at all":                    {rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", credentials: as("nobody")}, 403},
		"W13 a session without KMS rights":       {rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", credentials: as("nokms")}, 403},
		"W13 a read without KMS rights":          {rawRequest{method: "GET", path: "/" + bucket + "/key", credentials: as("nokms")}, 403},
		"W13 a write without KMS rights":         {rawRequest{method: "PUT", path: "/" + bucket + "/key", body: "x", credentials: as("nokms")}, 403},
		"the highest mode allowed is ReadOnly":   {rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", credentials: as("reader")}, 200},
		"ReadWrite is not":                       {rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", credentials: as("reader"), header: []sigv4.Field{field("X-Amz-Create-Session-Mode", "ReadWrite")}}, 403},
		"a read with the long-term key":          {rawRequest{method: "GET", path: "/" + bucket + "/key", credentials: as("reader")}, 200},
		"a write with the long-term key":         {rawRequest{method: "PUT", path: "/" + bucket + "/key", body: "x", credentials: as("reader")}, 403},
		"an object that the policy names":        {rawRequest{method: "GET", path: "/open/key", credentials: as("reader")}, 200},
		"an operation that it doesn't":           {rawRequest{method: "DELETE", path: "/open/key", credentials: as("reader")}, 403},
		"a bucket to be made":                    {rawRequest{method: "PUT", path: "/new", credentials: as("reader")}, 403},
		"REG-3 a session of a bucket to be made": {rawRequest{method: "GET", path: "/new--local-az1--x-s3", query: "session=", service: "s3express", credentials: as("reader")}, 404},
		"the list of buckets":                    {rawRequest{method: "GET", path: "/", credentials: as("reader")}, 403},
		"the encryption of the bucket":           {rawRequest{method: "PUT", path: "/" + bucket, query: "encryption=", body: "<x/>", credentials: as("reader")}, 403},
	} {
		if a := p.do(&c.r); a.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.body, c.status)
		}
	}
}

// altered is text with another character at i.
func altered(text string, i int) string {
	other := "A"
	if text[i] == 'A' {
		other = "B"
	}
	return text[:i] + other + text[i+1:]
}
