package gateway_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A bucket policy on the client's address holds for all that a request reads, also behind a proxy that is trusted to
// name it.
func TestASourceIsReadFromWhereItsRequestComes(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "tls: {trusted_proxies: [127.0.0.0/8]}")
	ok := func(r *proxytest.Request) *proxytest.Answer {
		t.Helper()
		a := p.Do(r)
		if a.StatusCode/100 != 2 {
			t.Fatalf("%s %s?%s: %d %s", r.Method, r.Path, r.Query, a.StatusCode, a.Text)
		}
		return a
	}
	ok(&proxytest.Request{Method: "PUT", Path: "/guarded"})
	ok(&proxytest.Request{Method: "PUT", Path: "/open"})
	ok(&proxytest.Request{
		Method: "PUT", Path: "/guarded/key", Body: "body",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Tagging", "a=b")},
	})
	created := ok(&proxytest.Request{Method: "POST", Path: "/open/parts", Query: "uploads="})
	_, rest, _ := strings.Cut(created.Text, "<UploadId>")
	upload, _, _ := strings.Cut(rest, "</UploadId>")
	ok(&proxytest.Request{Method: "PUT", Path: "/guarded", Query: "policy=", Body: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NumericGreaterThan":{"s3:signatureAge":"600000"}}}]}`})
	document := "<Delete><Object><Key>key</Key></Object></Delete>"
	for address, allowed := range map[string]bool{"203.0.113.9": false, "192.0.2.7": true} {
		from := func(r *proxytest.Request, header ...sigv4.Field) *proxytest.Answer {
			r.Header = append(header, proxytest.Field("X-Forwarded-For", address))
			return p.Do(r)
		}
		source := proxytest.Field("X-Amz-Copy-Source", "guarded/key")
		for name, a := range map[string]*proxytest.Answer{
			"GET":         from(&proxytest.Request{Method: "GET", Path: "/guarded/key"}),
			"copy source": from(&proxytest.Request{Method: "PUT", Path: "/open/copy"}, source),
			"part-copy source": from(&proxytest.Request{
				Method: "PUT", Path: "/open/parts",
				Query: "partNumber=1&uploadId=" + upload,
			}, source),
			"tags of a source": from(&proxytest.Request{Method: "PUT", Path: "/open/tagged"}, source,
				proxytest.Field("X-Amz-Tagging-Directive", "COPY")),
			"DeleteObjects entry": from(&proxytest.Request{
				Method: "POST", Path: "/guarded", Query: "delete=",
				Body: document,
			}, proxytest.Field("Content-MD5", proxytest.MD5(document))),
		} {
			denied := a.StatusCode == http.StatusForbidden && a.Code() == "AccessDenied" ||
				strings.Contains(a.Text, "<Error><Key>key</Key><Code>AccessDenied</Code>")
			if denied == allowed || allowed && a.StatusCode != http.StatusOK {
				t.Errorf("%s from %s: %d %s", name, address, a.StatusCode, a.Text)
			}
		}
		if allowed {
			return // the object is gone
		}
	}
}

// A default encryption that was set by hand: it is read back as it was given, and a copy of an object onto itself
// brings the object under it.
func TestEncryptionSetByHandInAGeneralPurposeBucket(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	put := func(path, query, body string, header ...sigv4.Field) *proxytest.Answer {
		return p.Do(&proxytest.Request{Method: "PUT", Path: path, Query: query, Body: body, Header: header})
	}
	if a := put("/byhand", "", ""); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	if a := put("/byhand/key", "", "body"); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	source := proxytest.Field("X-Amz-Copy-Source", "byhand/key")
	if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusBadRequest || a.Code() != "InvalidRequest" {
		t.Errorf("a copy onto itself that changes nothing: %d %s", a.StatusCode, a.Text)
	}
	key := p.Env["SEALFRONT_KMS_KEY"]
	id := key[strings.LastIndexByte(key, '/')+1:]
	for _, c := range []struct{ rule, shown, sse string }{
		{
			"<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>" + id + "</KMSMasterKeyID>",
			"<KMSMasterKeyID>" + id + "</KMSMasterKeyID>", "aws:kms",
		},
		{"<SSEAlgorithm>AES256</SSEAlgorithm>", "<SSEAlgorithm>AES256</SSEAlgorithm>", "AES256"},
	} {
		document := "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + c.rule +
			"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
		if a := put("/byhand", "encryption=", document); a.StatusCode != http.StatusOK {
			t.Fatal(a.StatusCode, a.Text)
		}
		if a := p.Do(&proxytest.Request{
			Method: "GET", Path: "/byhand",
			Query: "encryption=",
		}); !strings.Contains(a.Text, c.shown) {
			t.Errorf("read back: %s, want %s", a.Text, c.shown)
		}
		for range 2 {
			if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusOK ||
				a.Header.Get("X-Amz-Server-Side-Encryption") != c.sse {
				t.Errorf("a copy onto itself: %d %s, %v", a.StatusCode, a.Text, a.Header)
			}
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "DELETE", Path: "/byhand",
		Query: "encryption=",
	}); a.StatusCode != http.StatusNoContent {
		t.Fatal(a.StatusCode, a.Text)
	}
	if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a copy onto itself without a default set by hand: %d %s", a.StatusCode, a.Text)
	}
}

// Without a bucket key the default encryption context names the object, with one the bucket.
func TestTheContextNamesTheObjectOrTheBucket(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/context"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	for _, c := range []struct {
		arn, bucketKey string
		status         int
	}{
		{"arn:aws:s3:::context/key", "", 200},
		{"arn:aws:s3:::context", "", 400},
		{"arn:aws:s3:::context/other", "", 400},
		{"arn:aws:s3:::context", "true", 200},
		{"arn:aws:s3:::context/key", "true", 400},
	} {
		header := []sigv4.Field{
			proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
			proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.Env["SEALFRONT_KMS_KEY"]),
			proxytest.Field("X-Amz-Server-Side-Encryption-Context",
				base64.StdEncoding.EncodeToString([]byte(`{"aws:s3:arn":"`+c.arn+`"}`))),
		}
		if c.bucketKey != "" {
			header = append(header, proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", c.bucketKey))
		}
		a := p.Do(&proxytest.Request{Method: "PUT", Path: "/context/key", Body: "body", Header: header})
		if a.StatusCode != c.status {
			t.Errorf("%s with bucket key %q: %d %s", c.arn, c.bucketKey, a.StatusCode, a.Text)
		}
		if c.status == 200 {
			if a := p.Do(&proxytest.Request{Method: "GET", Path: "/context/key"}); a.Text != "body" {
				t.Errorf("%s reads back %d %s", c.arn, a.StatusCode, a.Text)
			}
		}
	}
}

// Metadata beyond ASCII is answered in words of RFC 2047 in general purpose buckets, and byte for byte in directory
// buckets.
func TestMetadataBeyondASCII(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/words"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	for _, c := range []struct{ bucket, sent, want string }{
		{"words", "é漢", "=?UTF-8?B?w6nmvKI=?="},
		{"words", "=?utf-8?Q?=C3=A9?=", "=?UTF-8?B?w6k=?="},
		{"words", "=?UTF-8?B?YWJj?=", "abc"},
		{proxytest.DemoBucket, "é漢", "é漢"},
		{proxytest.DemoBucket, "=?UTF-8?B?YWJj?=", "=?UTF-8?B?YWJj?="},
	} {
		if a := p.Put(c.bucket, "key", "body",
			proxytest.Field("X-Amz-Meta-Word", c.sent)); a.StatusCode != http.StatusOK {
			t.Fatal(a.StatusCode, a.Text)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if a := p.Do(&proxytest.Request{
				Method: method,
				Path:   "/" + c.bucket + "/key",
			}); a.Header.Get("X-Amz-Meta-Word") != c.want {
				t.Errorf("%q in %s is answered %q to %s, want %q", c.sent, c.bucket, a.Header.Get("X-Amz-Meta-Word"),
					method, c.want)
			}
		}
	}
}

// What a bucket policy can't mean is refused, with the nearest word that it can.
func TestPoliciesThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/meant"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	statement := func(text string) string {
		return `{"Version":"2012-10-17","Statement":[{"Principal":"*","Resource":"arn:aws:s3:::meant/*",` + text + `}]}`
	}
	for text, want := range map[string]string{
		`"Effect":"Deny","Effect":"Allow","Action":"s3:GetObject"`:                                      "duplicate element: Effect",
		`"Effect":"Deny","Action":"s3:DeleteObjet"`:                                                     "did you mean s3:DeleteObject?",
		`"Effect":"Deny","Action":"s3:Delet0*"`:                                                         "did you mean s3:Delete*?",
		`"Effect":"Allow","Action":"s3:GetObject","Condition":{"Bool":{}}`:                              "Bool has no condition key",
		`"Effect":"Deny","Action":"s3:GetObject","Condition":{"Bool":{"aws:SecureTransprt":"false"}}`:   "did you mean aws:SecureTransport?",
		`"Effect":"Deny","Action":"s3:GetObject","Condition":{"Boool":{"aws:SecureTransport":"false"}}`: "did you mean Bool?",
		`"effect":"Deny","Action":"s3:GetObject"`:                                                       "did you mean Effect?",
		`"Effect":"Deny","Action":"s3:GetObject","Condition":{"StringEquals":{"aws:username":null}}`:    "null",
	} {
		a := p.Do(&proxytest.Request{Method: "PUT", Path: "/meant", Query: "policy=", Body: statement(text)})
		if a.StatusCode != http.StatusBadRequest || a.Code() != "MalformedPolicy" || !strings.Contains(a.Text, want) {
			t.Errorf("%s: %d %s, want %q", text, a.StatusCode, a.Text, want)
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/meant", Query: "policy=",
		Body: statement(`"Effect":"Deny","Action":"s3:Delete*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red","s3:object-lock-mode":"GOVERNANCE"}}`),
	}); a.StatusCode != http.StatusNoContent {
		t.Errorf("one that means something: %d %s", a.StatusCode, a.Text)
	}
}

// Conditions on tags that a request sets are decided once its document is read.
func TestPoliciesAskForTheTagsOfARequest(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWithIdentities(t, `
- name: tagger
  access_key: AKIATAGGER
  secret_key: taggersecret
  policy:
  - {effect: Allow, action: ["s3:PutBucketTagging", "s3express:CreateBucket"], resource: "*", condition: {StringEquals: {"aws:RequestTag/Team": red}}}
  - {effect: Deny, action: "s3:PutBucketTagging", resource: "*", condition: {"ForAnyValue:StringLike": {"aws:TagKeys": ["cost*"]}}}
`)
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/tagged"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	who := proxytest.Namesake("tagger")
	tags := func(pairs ...string) string {
		text := ""
		for i := 0; i < len(pairs); i += 2 {
			text += "<Tag><Key>" + pairs[i] + "</Key><Value>" + pairs[i+1] + "</Value></Tag>"
		}
		return "<Tagging><TagSet>" + text + "</TagSet></Tagging>"
	}
	for document, status := range map[string]int{
		tags("Team", "red"): 204, tags("Team", "blue"): 403, tags("Other", "red"): 403,
		tags("Team", "red", "costs", "1"): 403, tags("Team", "red", "Stage", "1"): 204,
	} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/tagged", Query: "tagging=", Body: document,
			Credentials: who,
		}); a.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", document, a.StatusCode, a.Text, status)
		}
	}
	bucket := "/asked--local-az1--x-s3"
	for _, c := range []struct {
		document string
		status   int
	}{
		{proxytest.DirectoryBucketDocument, 403},
		{strings.Replace(proxytest.TaggedBucketDocument, "red", "blue", 1), 403},
		{proxytest.TaggedBucketDocument, 200},
	} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: bucket, Body: c.document, Credentials: who,
			Service: "s3express",
		}); a.StatusCode != c.status {
			t.Errorf("CreateBucket with %s: %d %s, want %d", c.document, a.StatusCode, a.Text, c.status)
		}
	}
}
