package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/sigv4"
)

const (
	copyLimitVariable = "SEALFRONT_TEST_COPY_LIMIT"
	putLimitVariable  = "SEALFRONT_TEST_PUT_LIMIT"
)

// The program's own process reads how much the store is to copy, and a migration to put, at once.
func init() {
	for name, limit := range map[string]*int64{copyLimitVariable: &storeCopyLimit, putLimitVariable: &putLimit} {
		if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
			*limit = n
		}
	}
}

// W5: what is larger than a store copies by one request is copied in pieces, whose borders have nothing to do with the
// object's parts.
func TestWhatIsTooLargeForOneCopyIsCopiedInPieces(t *testing.T) {
	t.Setenv(copyLimitVariable, strconv.Itoa(12*mib))
	p := startCounting(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	u := newUploader(t, client, bucket, "multi")
	var body []byte
	for i, n := range []int{5*mib + 1, 7*mib + 2, 9 * mib, 100} {
		u.part(int32(i+1), randomBytes(n))
		body = append(body, randomBytes(n)...)
	}
	if _, err := u.complete(1, 2, 3, 4); err != nil {
		t.Fatal(err)
	}
	there := p.put(bucket, "there", "there").Header.Get("ETag")
	inPieces := map[string]int{"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 2, "CompleteMultipartUpload": 1, "HeadObject": 1}
	wantCost(t, "a copy in pieces", p.storeRequests(func() { p.mustCopy(bucket+"/multi", bucket+"/copy") }), inPieces)
	mustRead(t, client, bucket, "copy", body)
	for what, header := range map[string]sigv4.Field{"must not be there": field("If-None-Match", "*"), "must be another": field("If-Match", `"other"`)} {
		if a := p.copyOf(bucket+"/multi", bucket+"/there", header); a.StatusCode != 412 {
			t.Errorf("copy, %s: %d %s", what, a.StatusCode, a.body)
		}
		if a := p.rename(bucket, "multi", "there", header); a.StatusCode != 412 {
			t.Errorf("rename, %s: %d %s", what, a.StatusCode, a.body)
		}
	}
	mustRead(t, client, bucket, "there", []byte("there"))
	p.mustCopy(bucket+"/multi", bucket+"/there", field("If-Match", there))
	mustRead(t, client, bucket, "there", body)
	p.mustCopy(bucket+"/multi", bucket+"/multi", field("X-Amz-Metadata-Directive", "REPLACE"), field("X-Amz-Meta-New", "value"))
	if out := mustRead(t, client, bucket, "multi", body); out.Metadata["new"] != "value" {
		t.Errorf("metadata %v", out.Metadata)
	}
	if a := p.rename(bucket, "multi", "renamed"); a.StatusCode != 200 {
		t.Errorf("rename: %d %s", a.StatusCode, a.body)
	}
	p.mustNotExist(bucket, "multi")
	if a := p.appendTo(bucket, "renamed", len(body), "more"); a.StatusCode != 200 {
		t.Errorf("append: %d %s", a.StatusCode, a.body)
	}
	mustRead(t, client, bucket, "renamed", append(bytes.Clone(body), "more"...))
}

// Section 6.7: a source above 5 GB isn't copied by one CopyObject, nor a part above that; the stored size alone tells.
func TestSourcesAboveTheLimitAreRefused(t *testing.T) {
	dir := t.TempDir()
	p := startEmbedded(t, dir)
	bucket := p.env["SEALFRONT_BUCKET"]
	u := newUploader(t, p.client(t), bucket, "target")
	p.put(bucket, "source", "body")
	if err := os.Truncate(storedFile(dir, bucket, "source"), crypto.StoredLength(crypto.MaxPart+1)); err != nil { // a hole
		t.Fatal(err)
	}
	const text = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
	if a := p.copyOf(bucket+"/source", bucket+"/copy"); a.StatusCode != 400 || a.code() != "InvalidRequest" || !strings.Contains(a.body, text) {
		t.Errorf("copy: %d %s", a.StatusCode, a.body)
	}
	a := p.do(&rawRequest{method: "PUT", path: "/" + bucket + "/target", query: "partNumber=1&uploadId=" + u.id, header: []sigv4.Field{field("X-Amz-Copy-Source", bucket+"/source")}})
	if a.StatusCode != 400 || a.code() != "InvalidRequest" || !strings.Contains(a.body, text) {
		t.Errorf("copy of a part: %d %s", a.StatusCode, a.body)
	}
	if a := p.appendTo(bucket, "source", 4, "x"); a.StatusCode != 400 || a.code() != "InvalidWriteOffset" {
		t.Errorf("append at the old end: %d %s", a.StatusCode, a.body)
	}
	if a := p.rename(bucket, "source", "renamed"); a.StatusCode != 500 {
		t.Errorf("rename of what was made longer: %d %s", a.StatusCode, a.body)
	}
}
