package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// startWithIdentities starts the program with embedded parts, an identity app that may do everything, and these others.
// The secret of AKIANAME is namesecret: see namesake.
func startWithIdentities(t *testing.T, others string) *program {
	t.Helper()
	return startWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
data: `+t.TempDir()+`
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`+others)
}

// namesake are the credentials of an identity of startWithIdentities.
func namesake(name string) *sigv4.Credentials {
	return &sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: name + "secret"}
}

// A bucket policy on the client's address holds for all that a request reads, also behind a proxy that is trusted to
// name it.
func TestASourceIsReadFromWhereItsRequestComes(t *testing.T) {
	p := startConfigured(t, t.TempDir(), "tls: {trusted_proxies: [127.0.0.0/8]}")
	ok := func(r *rawRequest) *answer {
		t.Helper()
		a := p.do(r)
		if a.StatusCode/100 != 2 {
			t.Fatalf("%s %s?%s: %d %s", r.method, r.path, r.query, a.StatusCode, a.body)
		}
		return a
	}
	ok(&rawRequest{method: "PUT", path: "/guarded"})
	ok(&rawRequest{method: "PUT", path: "/open"})
	ok(&rawRequest{method: "PUT", path: "/guarded/key", body: "body", header: []sigv4.Field{field("X-Amz-Tagging", "a=b")}})
	created := ok(&rawRequest{method: "POST", path: "/open/parts", query: "uploads="})
	_, rest, _ := strings.Cut(created.body, "<UploadId>")
	upload, _, _ := strings.Cut(rest, "</UploadId>")
	ok(&rawRequest{method: "PUT", path: "/guarded", query: "policy=", body: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject*","Resource":"arn:aws:s3:::guarded/*","Condition":{"NumericGreaterThan":{"s3:signatureAge":"600000"}}}]}`})
	document := "<Delete><Object><Key>key</Key></Object></Delete>"
	for address, allowed := range map[string]bool{"203.0.113.9": false, "192.0.2.7": true} {
		from := func(r *rawRequest, header ...sigv4.Field) *answer {
			r.header = append(header, field("X-Forwarded-For", address))
			return p.do(r)
		}
		source := field("X-Amz-Copy-Source", "guarded/key")
		for name, a := range map[string]*answer{
			"GET":                 from(&rawRequest{method: "GET", path: "/guarded/key"}),
			"copy source":         from(&rawRequest{method: "PUT", path: "/open/copy"}, source),
			"part-copy source":    from(&rawRequest{method: "PUT", path: "/open/parts", query: "partNumber=1&uploadId=" + upload}, source),
			"tags of a source":    from(&rawRequest{method: "PUT", path: "/open/tagged"}, source, field("X-Amz-Tagging-Directive", "COPY")),
			"DeleteObjects entry": from(&rawRequest{method: "POST", path: "/guarded", query: "delete=", body: document}, field("Content-MD5", md5of(document))),
		} {
			denied := a.StatusCode == http.StatusForbidden && a.code() == "AccessDenied" || strings.Contains(a.body, "<Error><Key>key</Key><Code>AccessDenied</Code>")
			if denied == allowed || allowed && a.StatusCode != http.StatusOK {
				t.Errorf("%s from %s: %d %s", name, address, a.StatusCode, a.body)
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
	p := startEmbedded(t, t.TempDir())
	put := func(path, query, body string, header ...sigv4.Field) *answer {
		return p.do(&rawRequest{method: "PUT", path: path, query: query, body: body, header: header})
	}
	if a := put("/byhand", "", ""); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
	}
	if a := put("/byhand/key", "", "body"); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
	}
	source := field("X-Amz-Copy-Source", "byhand/key")
	if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusBadRequest || a.code() != "InvalidRequest" {
		t.Errorf("a copy onto itself that changes nothing: %d %s", a.StatusCode, a.body)
	}
	key := p.env["SEALFRONT_KMS_KEY"]
	id := key[strings.LastIndexByte(key, '/')+1:]
	for _, c := range []struct{ rule, shown, sse string }{
		{"<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>" + id + "</KMSMasterKeyID>", "<KMSMasterKeyID>" + id + "</KMSMasterKeyID>", "aws:kms"},
		{"<SSEAlgorithm>AES256</SSEAlgorithm>", "<SSEAlgorithm>AES256</SSEAlgorithm>", "AES256"},
	} {
		document := "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + c.rule + "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
		if a := put("/byhand", "encryption=", document); a.StatusCode != http.StatusOK {
			t.Fatal(a.StatusCode, a.body)
		}
		if a := p.do(&rawRequest{method: "GET", path: "/byhand", query: "encryption="}); !strings.Contains(a.body, c.shown) {
			t.Errorf("read back: %s, want %s", a.body, c.shown)
		}
		for range 2 {
			if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusOK || a.Header.Get("X-Amz-Server-Side-Encryption") != c.sse {
				t.Errorf("a copy onto itself: %d %s, %v", a.StatusCode, a.body, a.Header)
			}
		}
	}
	if a := p.do(&rawRequest{method: "DELETE", path: "/byhand", query: "encryption="}); a.StatusCode != http.StatusNoContent {
		t.Fatal(a.StatusCode, a.body)
	}
	if a := put("/byhand/key", "", "", source); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a copy onto itself without a default set by hand: %d %s", a.StatusCode, a.body)
	}
}

// Without a bucket key the default encryption context names the object, with one the bucket.
func TestTheContextNamesTheObjectOrTheBucket(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	if a := p.do(&rawRequest{method: "PUT", path: "/context"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
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
			field("X-Amz-Server-Side-Encryption", "aws:kms"), field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.env["SEALFRONT_KMS_KEY"]),
			field("X-Amz-Server-Side-Encryption-Context", base64.StdEncoding.EncodeToString([]byte(`{"aws:s3:arn":"`+c.arn+`"}`))),
		}
		if c.bucketKey != "" {
			header = append(header, field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", c.bucketKey))
		}
		a := p.do(&rawRequest{method: "PUT", path: "/context/key", body: "body", header: header})
		if a.StatusCode != c.status {
			t.Errorf("%s with bucket key %q: %d %s", c.arn, c.bucketKey, a.StatusCode, a.body)
		}
		if c.status == 200 {
			if a := p.do(&rawRequest{method: "GET", path: "/context/key"}); a.body != "body" {
				t.Errorf("%s reads back %d %s", c.arn, a.StatusCode, a.body)
			}
		}
	}
}

// Metadata beyond ASCII is answered in words of RFC 2047 in general purpose buckets, and byte for byte in directory
// buckets.
func TestMetadataBeyondASCII(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	if a := p.do(&rawRequest{method: "PUT", path: "/words"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
	}
	for _, c := range []struct{ bucket, sent, want string }{
		{"words", "é漢", "=?UTF-8?B?w6nmvKI=?="},
		{"words", "=?utf-8?Q?=C3=A9?=", "=?UTF-8?B?w6k=?="},
		{"words", "=?UTF-8?B?YWJj?=", "abc"},
		{demoBucket, "é漢", "é漢"},
		{demoBucket, "=?UTF-8?B?YWJj?=", "=?UTF-8?B?YWJj?="},
	} {
		if a := p.put(c.bucket, "key", "body", field("X-Amz-Meta-Word", c.sent)); a.StatusCode != http.StatusOK {
			t.Fatal(a.StatusCode, a.body)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if a := p.do(&rawRequest{method: method, path: "/" + c.bucket + "/key"}); a.Header.Get("X-Amz-Meta-Word") != c.want {
				t.Errorf("%q in %s is answered %q to %s, want %q", c.sent, c.bucket, a.Header.Get("X-Amz-Meta-Word"), method, c.want)
			}
		}
	}
}

// What a bucket policy can't mean is refused, with the nearest word that it can.
func TestPoliciesThatMeanNothingAreRefused(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	if a := p.do(&rawRequest{method: "PUT", path: "/meant"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
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
		a := p.do(&rawRequest{method: "PUT", path: "/meant", query: "policy=", body: statement(text)})
		if a.StatusCode != http.StatusBadRequest || a.code() != "MalformedPolicy" || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %q", text, a.StatusCode, a.body, want)
		}
	}
	if a := p.do(&rawRequest{method: "PUT", path: "/meant", query: "policy=", body: statement(`"Effect":"Deny","Action":"s3:Delete*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red","s3:object-lock-mode":"GOVERNANCE"}}`)}); a.StatusCode != http.StatusNoContent {
		t.Errorf("one that means something: %d %s", a.StatusCode, a.body)
	}
}

// Conditions on tags that a request sets are decided once its document is read.
func TestPoliciesAskForTheTagsOfARequest(t *testing.T) {
	p := startWithIdentities(t, `
- name: tagger
  access_key: AKIATAGGER
  secret_key: taggersecret
  policy:
  - {effect: Allow, action: ["s3:PutBucketTagging", "s3express:CreateBucket"], resource: "*", condition: {StringEquals: {"aws:RequestTag/Team": red}}}
  - {effect: Deny, action: "s3:PutBucketTagging", resource: "*", condition: {"ForAnyValue:StringLike": {"aws:TagKeys": ["cost*"]}}}
`)
	if a := p.do(&rawRequest{method: "PUT", path: "/tagged"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
	}
	who := namesake("tagger")
	tags := func(pairs ...string) string {
		text := ""
		for i := 0; i < len(pairs); i += 2 {
			text += "<Tag><Key>" + pairs[i] + "</Key><Value>" + pairs[i+1] + "</Value></Tag>"
		}
		return "<Tagging><TagSet>" + text + "</TagSet></Tagging>"
	}
	for document, status := range map[string]int{
		tags("Team", "red"): 204, tags("Team", "blue"): 403, tags("Other", "red"): 403, tags("Team", "red", "costs", "1"): 403, tags("Team", "red", "Stage", "1"): 204,
	} {
		if a := p.do(&rawRequest{method: "PUT", path: "/tagged", query: "tagging=", body: document, credentials: who}); a.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", document, a.StatusCode, a.body, status)
		}
	}
	bucket := "/asked--local-az1--x-s3"
	for _, c := range []struct {
		document string
		status   int
	}{{directoryBucketDocument, 403}, {strings.Replace(taggedBucketDocument, "red", "blue", 1), 403}, {taggedBucketDocument, 200}} {
		if a := p.do(&rawRequest{method: "PUT", path: bucket, body: c.document, credentials: who, service: "s3express"}); a.StatusCode != c.status {
			t.Errorf("CreateBucket with %s: %d %s, want %d", c.document, a.StatusCode, a.body, c.status)
		}
	}
}
