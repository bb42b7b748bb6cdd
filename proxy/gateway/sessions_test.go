package gateway_test

import (
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Section 3.3: what fails, and how. SE-1, expiry, is in package gateway's tests, which have a clock.
func TestSessionsThatFail(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	long := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"]}
	s := p.Session(bucket)
	reading := p.Session(bucket, proxytest.Field("X-Amz-Create-Session-Mode", "ReadOnly"))
	changed := func(change func(*sigv4.Credentials)) *sigv4.Credentials {
		c := *s
		change(&c)
		return &c
	}
	put := func(c *sigv4.Credentials) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/key", Body: "body", Service: "s3express",
			Credentials: c,
		}
	}
	for name, c := range map[string]struct {
		r      *proxytest.Request
		status int
		code   string
	}{
		"a session": {put(s), 200, ""},
		"SE-3 altered token": {put(changed(func(c *sigv4.Credentials) {
			c.SessionToken = altered(c.SessionToken,
				40)
		})), 400, "InvalidToken"},
		"SE-3 cut token": {
			put(changed(func(c *sigv4.Credentials) { c.SessionToken = c.SessionToken[:100] })), 400, "InvalidToken",
		},
		"SE-3 no token of ours": {
			put(changed(func(c *sigv4.Credentials) { c.SessionToken = "AQoEXAMPLE" })), 400, "InvalidToken",
		},
		"SE-5 another access key id": {
			put(changed(func(c *sigv4.Credentials) { c.AccessKeyID = "ASIAANOTHERACCESSKEY" })), 400, "InvalidToken",
		},
		"SE-6 session key without a token": {
			put(changed(func(c *sigv4.Credentials) { c.SessionToken = "" })), 403,
			"InvalidAccessKeyId",
		},
		"SE-7 long-term key with a token": {put(changed(func(c *sigv4.Credentials) {
			c.AccessKeyID,
				c.SecretAccessKey = long.AccessKeyID, long.SecretAccessKey
		})), 400, "InvalidToken"},
		"the right id, the wrong secret": {
			put(changed(func(c *sigv4.Credentials) { c.SecretAccessKey = "wrong" })),
			403, "SignatureDoesNotMatch",
		},
		"SE-8 write in a ReadOnly session": {put(reading), 403, "AccessDenied"},
		"SE-8 delete in a ReadOnly session": {&proxytest.Request{
			Method: "DELETE", Path: "/" + bucket + "/key",
			Service: "s3express", Credentials: reading,
		}, 403, "AccessDenied"},
		"REG-1 change in a ReadOnly session": {&proxytest.Request{
			Method: "DELETE", Path: "/" + bucket,
			Query: "encryption=", Service: "s3express", Credentials: reading,
		}, 403, "AccessDenied"},
		"read in a ReadOnly session": {&proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "list-type=2", Service: "s3express", Credentials: reading,
		}, 200, ""},
		"HeadBucket in a ReadOnly session": {&proxytest.Request{
			Method: "HEAD", Path: "/" + bucket,
			Service: "s3express", Credentials: reading,
		}, 200, ""},
		"3.1 CreateSession with a session": {&proxytest.Request{
			Method: "GET", Path: "/" + bucket, Query: "session=",
			Service: "s3express", Credentials: s,
		}, 400, "InvalidRequest"},
		"U-17 CopyObject with a session": {&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/copy",
			Service: "s3express", Credentials: s,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", bucket+"/key")},
		}, 403, "AccessDenied"},
		"3.1 another mode": {
			&proxytest.Request{
				Method: "GET", Path: "/" + bucket, Query: "session=",
				Service: "s3express", Header: []sigv4.Field{proxytest.Field("X-Amz-Create-Session-Mode", "Write")},
			}, 400,
			"InvalidArgument",
		},
		"PUT-2 the session's kind differs": {
			&proxytest.Request{
				Method: "PUT", Path: "/" + bucket + "/key", Body: "x",
				Service: "s3express", Credentials: s,
				Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")},
			}, 400,
			"InvalidRequest",
		},
		"PUT-4 the session's kind repeated": {
			&proxytest.Request{
				Method: "PUT", Path: "/" + bucket + "/key", Body: "x",
				Service: "s3express", Credentials: s,
				Header: []sigv4.Field{
					proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
					proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.Env["SEALFRONT_KMS_KEY"]),
				},
			}, 200,
			"",
		},
		"an unknown access key": {
			put(&sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}),
			403, "InvalidAccessKeyId",
		},
		"an unknown bucket": {&proxytest.Request{
			Method: "GET", Path: "/none--local-az1--x-s3/key",
			Service: "s3express",
		}, 404, "NoSuchBucket"},
	} {
		a := p.Do(c.r)
		if a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.Code(), c.status, c.code)
		}
		if c.status == 403 && a.Header.Get("Date") == "" {
			t.Errorf("%s: no Date, which SDKs set their clocks by", name)
		}
	}
}

// Trap 14: a session of one bucket on another, and on the next bucket of its name.
func TestSessionsBelongToOneBucket(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	create := func(bucket string) {
		t.Helper()
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket, Service: "s3express",
			Body: proxytest.DirectoryBucketDocument,
		}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	one, other := "one--local-az1--x-s3", "other--local-az1--x-s3"
	create(one)
	create(other)
	s := p.Session(one)
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + other + "/key", Service: "s3express",
		Credentials: s,
	}); a.StatusCode != 403 || a.Code() != "AccessDenied" {
		t.Errorf("SE-4: %d %s", a.StatusCode, a.Code())
	}
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + one, Service: "s3express"}); a.StatusCode != 204 {
		t.Fatal(a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + one + "/key", Service: "s3express",
		Credentials: s,
	}); a.StatusCode != 404 || a.Code() != "NoSuchBucket" {
		t.Errorf("SE-12: %d %s", a.StatusCode, a.Code())
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + one, Service: "s3express",
		Body: proxytest.DirectoryBucketDocument,
	}); a.StatusCode != 200 {
		t.Errorf("L8, made again at once where no other replica can be: %d %s", a.StatusCode, a.Code())
	}
	// REG-2: a session for a bucket that is still to come is good for CreateBucket alone.
	early := p.Session("early--local-az1--x-s3")
	use := func(method, path, body string) *proxytest.Answer {
		return p.Do(&proxytest.Request{
			Method: method, Path: "/early--local-az1--x-s3" + path, Service: "s3express",
			Credentials: early, Body: body,
		})
	}
	if a := use("PUT", "/key", "body"); a.StatusCode != 404 || a.Code() != "NoSuchBucket" {
		t.Errorf("REG-2, an object before the bucket: %d %s", a.StatusCode, a.Code())
	}
	if a := use("PUT", "", proxytest.DirectoryBucketDocument); a.StatusCode != 200 {
		t.Errorf("REG-2, CreateBucket: %d %s", a.StatusCode, a.Text)
	}
	if a := use("PUT", "/key", "body"); a.StatusCode != 200 ||
		a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Errorf("REG-2, an object afterwards: %d %s", a.StatusCode, a.Text)
	}
	if a := use("PUT", "?encryption=", ""); a.StatusCode == 200 {
		t.Error("an empty encryption configuration was taken")
	}
}

// What an identity's policy doesn't grant is denied, whatever the client signs with.
func TestW13Permissions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartWith(t, `
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
	bucket := proxytest.DemoBucket
	as := func(name string) *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: name + "secret"}
	}
	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: "/open"},
		{Method: "PUT", Path: "/open/key", Body: "b"},
		{Method: "PUT", Path: "/" + bucket + "/key", Body: "b"},
	} {
		if a := p.Do(r); a.StatusCode != 200 {
			t.Fatal(r.Path, a.StatusCode, a.Text)
		}
	}
	for name, c := range map[string]struct {
		r      proxytest.Request
		status int
	}{
		"SE-9 no mode at all": {proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "session=", Service: "s3express", Credentials: as("nobody"),
		}, 403},
		"W13 a session without KMS rights": {proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "session=", Service: "s3express", Credentials: as("nokms"),
		}, 403},
		"W13 a read without KMS rights": {proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/key",
			Credentials: as("nokms"),
		}, 403},
		"W13 a write without KMS rights": {proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/key",
			Body: "x", Credentials: as("nokms"),
		}, 403},
		"the highest mode allowed is ReadOnly": {proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "session=", Service: "s3express", Credentials: as("reader"),
		}, 200},
		"ReadWrite is not": {proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "session=", Service: "s3express", Credentials: as("reader"),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Create-Session-Mode", "ReadWrite")},
		}, 403},
		"a read with the long-term key": {proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/key",
			Credentials: as("reader"),
		}, 200},
		"a write with the long-term key": {proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/key",
			Body: "x", Credentials: as("reader"),
		}, 403},
		"an object that the policy names": {proxytest.Request{
			Method: "GET", Path: "/open/key",
			Credentials: as("reader"),
		}, 200},
		"an operation that it doesn't": {proxytest.Request{
			Method: "DELETE", Path: "/open/key",
			Credentials: as("reader"),
		}, 403},
		"a bucket to be made": {proxytest.Request{
			Method: "PUT", Path: "/new",
			Credentials: as("reader"),
		}, 403},
		"REG-3 a session of a bucket to be made": {proxytest.Request{
			Method: "GET", Path: "/new--local-az1--x-s3",
			Query: "session=", Service: "s3express", Credentials: as("reader"),
		}, 404},
		"the list of buckets": {proxytest.Request{
			Method: "GET", Path: "/",
			Credentials: as("reader"),
		}, 403},
		"the encryption of the bucket": {proxytest.Request{
			Method: "PUT", Path: "/" + bucket,
			Query: "encryption=", Body: "<x/>", Credentials: as("reader"),
		}, 403},
	} {
		if a := p.Do(&c.r); a.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.Text, c.status)
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
