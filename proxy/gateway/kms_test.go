package gateway_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What a disabled key stops, and what it doesn't: rows KS-2, DL-1, U-13, and "HEAD: no KMS call".
func TestDisabledKey(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket, key := p.Env["SEALFRONT_BUCKET"], p.Env["SEALFRONT_KMS_KEY"]
	path := "/" + bucket + "/object"
	put := func(name string) *proxytest.Answer {
		return p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + name, Body: "body"})
	}
	if a := put("object"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	p.KMS("DisableKey", map[string]any{"KeyId": key})
	// Within the life time of a cached bucket key everything works.
	if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != "body" {
		t.Errorf("GET with a cached bucket key: %d %s", a.StatusCode, a.Text)
	}
	p.DropKeys("?kms-key=" + url.QueryEscape(key))
	for name, a := range map[string]*proxytest.Answer{
		"GET": p.Do(&proxytest.Request{Method: "GET", Path: path}), "PUT": put("other"),
		"HEAD with checksum": p.Do(&proxytest.Request{
			Method: "GET", Path: path,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")},
		}),
		"CreateSession": p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket, Query: "session=",
			Service: "s3express",
		}),
	} {
		if a.StatusCode != 400 || a.Code() != "KMS.DisabledException" || !strings.Contains(a.Text, key) {
			t.Errorf("%s: %d %s, want KMS.DisabledException about the key", name, a.StatusCode, a.Text)
		}
	}
	p.MustNotExist(bucket, "other")
	if a := p.Do(&proxytest.Request{Method: "HEAD", Path: path}); a.StatusCode != 200 ||
		a.Header.Get("Content-Length") != "4" {
		t.Errorf("HEAD needs no KMS: %d", a.StatusCode)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "list-type=2"}); a.StatusCode != 200 {
		t.Errorf("listing needs no KMS: %d", a.StatusCode)
	}
	p.KMS("EnableKey", map[string]any{"KeyId": key})
	if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != "body" {
		t.Errorf("GET after EnableKey: %d %s", a.StatusCode, a.Text)
	}
	p.KMS("ScheduleKeyDeletion", map[string]any{"KeyId": key, "PendingWindowInDays": 7})
	p.DropKeys("")
	if a := put("other"); a.Code() != "KMS.KMSInvalidStateException" {
		t.Errorf("PUT under a key pending deletion: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: path}); a.StatusCode != 204 {
		t.Errorf("DELETE needs no KMS: %d", a.StatusCode)
	}
}

// One KMS call serves many objects; the next life time's first request makes the next.
func TestBucketKeysSaveCalls(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	before := p.Metric("sealfront_kms_calls_total")
	for i := range 20 {
		path := fmt.Sprintf("/%s/object-%d", bucket, i)
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "body"}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != "body" {
			t.Fatal(a.StatusCode)
		}
	}
	if n := p.Metric("sealfront_kms_calls_total") - before; n > 2 {
		t.Errorf("%d KMS calls for 20 objects", n)
	}
	if hits := p.Metric("sealfront_bucket_keys_total", `result="hit"`); hits < 35 {
		t.Errorf("%d hits", hits)
	}
}

// S1: the store must not choose the key that data is opened or sealed under.
func TestS1KeysNamedByTheStoreAreNotBelieved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	mine := p.Env["SEALFRONT_BUCKET"]
	theirs := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	other := "other--local-az1--x-s3"
	for _, r := range []*proxytest.Request{
		{
			Method: "PUT", Path: "/" + other, Service: "s3express",
			Body: `<CreateBucketConfiguration><Location><Name>local-az1</Name><Type>AvailabilityZone</Type></Location><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>`,
		},
		{
			Method: "PUT", Path: "/" + other, Query: "encryption=", Service: "s3express",
			Body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + theirs + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
		},
		{Method: "PUT", Path: "/" + other + "/object", Body: "forged"},
		{Method: "PUT", Path: "/" + mine + "/object", Body: "genuine"},
	} {
		if a := p.Do(r); a.StatusCode != 200 {
			t.Fatalf("%s %s: %d %s", r.Method, r.Path, a.StatusCode, a.Text)
		}
	}
	calls := p.Metric("sealfront_kms_calls_total", `call="Decrypt"`)
	from, to := proxytest.StoredFile(dir, other, "object"), proxytest.StoredFile(dir, mine, "object")
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	proxytest.Overwrite(t, to, content)
	for name, value := range proxytest.Attributes(t, from) {
		proxytest.SetAttribute(t, to, name, value)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + mine + "/object"}); a.StatusCode != 500 {
		t.Errorf("an object under a key that isn't the bucket's: %d %q", a.StatusCode, a.Text)
	}
	if n := p.Metric("sealfront_kms_calls_total", `call="Decrypt"`) - calls; n != 0 {
		t.Errorf("KMS was asked %d times about a key that isn't the bucket's", n)
	}
	if p.Metric("sealfront_integrity_failures_total") == 0 {
		t.Error("no alarm")
	}
	// The key of a directory bucket stays for life.
	for name, input := range map[string]string{
		"PBE-4":  theirs,
		"PBE-13": "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000",
		"PBE-7":  "alias/aws/s3",
	} {
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + mine, Query: "encryption=", Service: "s3express",
			Body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + input + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
		})
		if a.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	// A bucket record that was altered is an error, never a default.
	record := proxytest.StoredFile(dir, "sealfront-state", "buckets/"+mine)
	sealed, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)/2] ^= 1
	proxytest.Overwrite(t, record, sealed)
	p.Stop()
	refusesToStart(t, dir, "does not open")
}

// refusesToStart runs the program on dir and wants it to end by itself, saying why.
func refusesToStart(t *testing.T, dir, why string) {
	t.Helper()
	out, err := proxytest.Command("--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), why) {
		t.Errorf("started, or ended without saying %q: %v\n%s", why, err, out)
	}
}

// T-1: contents of SSE-KMS objects need TLS, in both directions; SSE-S3 does not.
func TestT1KMSNeedsTLS(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/object"
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "body"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode)
	}
	for _, r := range []*proxytest.Request{
		{Method: "GET", Path: path},
		{Method: "PUT", Path: path + "2", Body: "body"},
		{Method: "POST", Path: path, Query: "uploads="},
	} {
		r.Plain = true
		if a := p.Do(r); a.StatusCode != 400 || a.Code() != "InvalidArgument" ||
			!strings.Contains(a.Text, "must be made over a secure connection") {
			t.Errorf("%s over HTTP: %d %s", r.Method, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "HEAD", Path: path, Plain: true}); a.StatusCode != 400 {
		t.Errorf("HEAD over HTTP: %d", a.StatusCode)
	}
	p.MustNotExist(p.Env["SEALFRONT_BUCKET"], "object2")
	proxytest.MakeBucket(t, client, "general")
	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: "/general/object", Body: "body"},
		{Method: "GET", Path: "/general/object"},
	} {
		r.Plain = true
		if a := p.Do(r); a.StatusCode != 200 {
			t.Errorf("%s of an SSE-S3 object over HTTP: %d %s", r.Method, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: path,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms")},
	}); a.StatusCode != 400 ||
		a.Code() != "InvalidArgument" {
		t.Errorf("G-1: %d %s", a.StatusCode, a.Text)
	}
}
