package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// kms calls the embedded key service as its operator.
func (p *program) kms(action string, input map[string]any) map[string]any {
	p.t.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		p.t.Fatal(err)
	}
	u, err := url.Parse(p.env["SEALFRONT_KMS_ENDPOINT"])
	if err != nil {
		p.t.Fatal(err)
	}
	now := time.Now()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, u.String()+"/", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	m := &sigv4.Message{Method: []byte("POST"), Path: []byte("/"), Header: []sigv4.Field{
		field("Host", u.Host), field("X-Amz-Date", now.UTC().Format("20060102T150405Z")),
		field("X-Amz-Content-Sha256", hexSum(string(body))), field("X-Amz-Target", "TrentService."+action), field("Content-Type", "application/x-amz-json-1.1"),
	}}
	for _, f := range m.Header[1:] {
		r.Header.Set(string(f.Name), string(f.Value))
	}
	c := &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.env["AWS_SECRET_ACCESS_KEY"]}
	r.Header.Set("Authorization", string(sigv4.NewSigner(p.env["AWS_REGION"], "kms").AppendAuthorization(nil, m, c, now)))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		p.t.Fatalf("%s: %d %s %v", action, resp.StatusCode, text, err)
	}
	out := make(map[string]any)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// dropKeys forgets cached bucket keys.
func (p *program) dropKeys(query string) {
	p.t.Helper()
	resp, err := http.Post(p.env["SEALFRONT_ADMIN"]+"/keys/drop"+query, "", nil) //nolint:noctx // a test
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		p.t.Fatalf("/keys/drop: %d", resp.StatusCode)
	}
}

// What a disabled key stops, and what it doesn't: rows KS-2, DL-1, U-13, and "HEAD: no KMS call".
func TestDisabledKey(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	bucket, key := p.env["SEALFRONT_BUCKET"], p.env["SEALFRONT_KMS_KEY"]
	path := "/" + bucket + "/object"
	put := func(name string) *answer {
		return p.do(&rawRequest{method: "PUT", path: "/" + bucket + "/" + name, body: "body"})
	}
	if a := put("object"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.body)
	}
	p.kms("DisableKey", map[string]any{"KeyId": key})
	// Within the life time of a cached bucket key everything works.
	if a := p.do(&rawRequest{method: "GET", path: path}); a.body != "body" {
		t.Errorf("GET with a cached bucket key: %d %s", a.StatusCode, a.body)
	}
	p.dropKeys("?kms-key=" + url.QueryEscape(key))
	for name, a := range map[string]*answer{
		"GET": p.do(&rawRequest{method: "GET", path: path}), "PUT": put("other"),
		"HEAD with checksum": p.do(&rawRequest{method: "GET", path: path, header: []sigv4.Field{field("X-Amz-Checksum-Mode", "ENABLED")}}),
		"CreateSession":      p.do(&rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express"}),
	} {
		if a.StatusCode != 400 || a.code() != "KMS.DisabledException" || !strings.Contains(a.body, key) {
			t.Errorf("%s: %d %s, want KMS.DisabledException about the key", name, a.StatusCode, a.body)
		}
	}
	p.mustNotExist(bucket, "other")
	if a := p.do(&rawRequest{method: "HEAD", path: path}); a.StatusCode != 200 || a.Header.Get("Content-Length") != "4" {
		t.Errorf("HEAD needs no KMS: %d", a.StatusCode)
	}
	if a := p.do(&rawRequest{method: "GET", path: "/" + bucket, query: "list-type=2"}); a.StatusCode != 200 {
		t.Errorf("listing needs no KMS: %d", a.StatusCode)
	}
	p.kms("EnableKey", map[string]any{"KeyId": key})
	if a := p.do(&rawRequest{method: "GET", path: path}); a.body != "body" {
		t.Errorf("GET after EnableKey: %d %s", a.StatusCode, a.body)
	}
	p.kms("ScheduleKeyDeletion", map[string]any{"KeyId": key, "PendingWindowInDays": 7})
	p.dropKeys("")
	if a := put("other"); a.code() != "KMS.KMSInvalidStateException" {
		t.Errorf("PUT under a key pending deletion: %d %s", a.StatusCode, a.body)
	}
	if a := p.do(&rawRequest{method: "DELETE", path: path}); a.StatusCode != 204 {
		t.Errorf("DELETE needs no KMS: %d", a.StatusCode)
	}
}

// One KMS call serves many objects; the next life time's first request makes the next.
func TestBucketKeysSaveCalls(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	bucket := p.env["SEALFRONT_BUCKET"]
	before := p.metric("sealfront_kms_calls_total")
	for i := range 20 {
		path := fmt.Sprintf("/%s/object-%d", bucket, i)
		if a := p.do(&rawRequest{method: "PUT", path: path, body: "body"}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode)
		}
		if a := p.do(&rawRequest{method: "GET", path: path}); a.body != "body" {
			t.Fatal(a.StatusCode)
		}
	}
	if n := p.metric("sealfront_kms_calls_total") - before; n > 2 {
		t.Errorf("%d KMS calls for 20 objects", n)
	}
	if hits := p.metric("sealfront_bucket_keys_total", `result="hit"`); hits < 35 {
		t.Errorf("%d hits", hits)
	}
}

// S1: the store must not choose the key that data is opened or sealed under.
func TestS1KeysNamedByTheStoreAreNotBelieved(t *testing.T) {
	dir := t.TempDir()
	p := startEmbedded(t, dir)
	mine := p.env["SEALFRONT_BUCKET"]
	theirs := p.kms("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	other := "other--local-az1--x-s3"
	for _, r := range []*rawRequest{
		{method: "PUT", path: "/" + other, service: "s3express", body: `<CreateBucketConfiguration><Location><Name>local-az1</Name><Type>AvailabilityZone</Type></Location><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>`},
		{method: "PUT", path: "/" + other, query: "encryption=", service: "s3express", body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + theirs + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`},
		{method: "PUT", path: "/" + other + "/object", body: "forged"},
		{method: "PUT", path: "/" + mine + "/object", body: "genuine"},
	} {
		if a := p.do(r); a.StatusCode != 200 {
			t.Fatalf("%s %s: %d %s", r.method, r.path, a.StatusCode, a.body)
		}
	}
	calls := p.metric("sealfront_kms_calls_total", `call="Decrypt"`)
	from, to := storedFile(dir, other, "object"), storedFile(dir, mine, "object")
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, content)
	for name, value := range attributes(t, from) {
		setAttribute(t, to, name, value)
	}
	if a := p.do(&rawRequest{method: "GET", path: "/" + mine + "/object"}); a.StatusCode != 500 {
		t.Errorf("an object under a key that isn't the bucket's: %d %q", a.StatusCode, a.body)
	}
	if n := p.metric("sealfront_kms_calls_total", `call="Decrypt"`) - calls; n != 0 {
		t.Errorf("KMS was asked %d times about a key that isn't the bucket's", n)
	}
	if p.metric("sealfront_integrity_failures_total") == 0 {
		t.Error("no alarm")
	}
	// The key of a directory bucket stays for life.
	for name, input := range map[string]string{"PBE-4": theirs, "PBE-13": "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000", "PBE-7": "alias/aws/s3"} {
		a := p.do(&rawRequest{method: "PUT", path: "/" + mine, query: "encryption=", service: "s3express", body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + input + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`})
		if a.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	// A bucket record that was altered is an error, never a default.
	record := storedFile(dir, "sealfront-state", "buckets/"+mine)
	sealed, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)/2] ^= 1
	write(t, record, sealed)
	p.stop()
	refusesToStart(t, dir, "does not open")
}

// refusesToStart runs the program on dir and wants it to end by itself, saying why.
func refusesToStart(t *testing.T, dir, why string) {
	t.Helper()
	out, err := programCommand("--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), why) {
		t.Errorf("started, or ended without saying %q: %v\n%s", why, err, out)
	}
}

// T-1: contents of SSE-KMS objects need TLS, in both directions; SSE-S3 does not.
func TestT1KMSNeedsTLS(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	path := "/" + p.env["SEALFRONT_BUCKET"] + "/object"
	if a := p.do(&rawRequest{method: "PUT", path: path, body: "body"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode)
	}
	for _, r := range []*rawRequest{{method: "GET", path: path}, {method: "PUT", path: path + "2", body: "body"}, {method: "POST", path: path, query: "uploads="}} {
		r.plain = true
		if a := p.do(r); a.StatusCode != 400 || a.code() != "InvalidArgument" || !strings.Contains(a.body, "must be made over a secure connection") {
			t.Errorf("%s over HTTP: %d %s", r.method, a.StatusCode, a.body)
		}
	}
	if a := p.do(&rawRequest{method: "HEAD", path: path, plain: true}); a.StatusCode != 400 {
		t.Errorf("HEAD over HTTP: %d", a.StatusCode)
	}
	p.mustNotExist(p.env["SEALFRONT_BUCKET"], "object2")
	makeBucket(t, client, "general")
	for _, r := range []*rawRequest{{method: "PUT", path: "/general/object", body: "body"}, {method: "GET", path: "/general/object"}} {
		r.plain = true
		if a := p.do(r); a.StatusCode != 200 {
			t.Errorf("%s of an SSE-S3 object over HTTP: %d %s", r.method, a.StatusCode, a.body)
		}
	}
	if a := p.do(&rawRequest{method: "GET", path: path, header: []sigv4.Field{field("X-Amz-Server-Side-Encryption", "aws:kms")}}); a.StatusCode != 400 || a.code() != "InvalidArgument" {
		t.Errorf("G-1: %d %s", a.StatusCode, a.body)
	}
}
