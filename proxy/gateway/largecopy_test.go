package gateway_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// W5: what is larger than a store copies by one request is copied in pieces, whose borders have nothing to do with the
// object's parts.
func TestWhatIsTooLargeForOneCopyIsCopiedInPieces(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir(), proxytest.CopyLimit(12*proxytest.MiB))
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "multi")
	var body []byte
	for i, n := range []int{5*proxytest.MiB + 1, 7*proxytest.MiB + 2, 9 * proxytest.MiB, 100} {
		u.Part(int32(i+1), proxytest.RandomBytes(n))
		body = append(body, proxytest.RandomBytes(n)...)
	}
	if _, err := u.Complete(1, 2, 3, 4); err != nil {
		t.Fatal(err)
	}
	there := p.Put(bucket, "there", "there").Header.Get("ETag")
	inPieces := map[string]int{
		"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 2,
		"CompleteMultipartUpload": 1, "HeadObject": 1,
	}
	proxytest.WantCost(t, "a copy in pieces", p.StoreRequests(func() { p.MustCopy(bucket+"/multi", bucket+"/copy") }),
		inPieces)
	proxytest.MustRead(t, client, bucket, "copy", body)
	for what, header := range map[string]sigv4.Field{
		"must not be there": proxytest.Field("If-None-Match", "*"),
		"must be another":   proxytest.Field("If-Match", `"other"`),
	} {
		if a := p.CopyOf(bucket+"/multi", bucket+"/there", header); a.StatusCode != 412 {
			t.Errorf("copy, %s: %d %s", what, a.StatusCode, a.Text)
		}
		if a := p.Rename(bucket, "multi", "there", header); a.StatusCode != 412 {
			t.Errorf("rename, %s: %d %s", what, a.StatusCode, a.Text)
		}
	}
	proxytest.MustRead(t, client, bucket, "there", []byte("there"))
	p.MustCopy(bucket+"/multi", bucket+"/there", proxytest.Field("If-Match", there))
	proxytest.MustRead(t, client, bucket, "there", body)
	p.MustCopy(bucket+"/multi", bucket+"/multi", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("X-Amz-Meta-New", "value"))
	if out := proxytest.MustRead(t, client, bucket, "multi", body); out.Metadata["new"] != "value" {
		t.Errorf("metadata %v", out.Metadata)
	}
	if a := p.Rename(bucket, "multi", "renamed"); a.StatusCode != 200 {
		t.Errorf("rename: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "multi")
	if a := p.AppendTo(bucket, "renamed", len(body), "more"); a.StatusCode != 200 {
		t.Errorf("append: %d %s", a.StatusCode, a.Text)
	}
	proxytest.MustRead(t, client, bucket, "renamed", append(bytes.Clone(body), "more"...))
}

// Section 6.7: a source above 5 GB isn't copied by one CopyObject, nor a part above that; the stored size alone tells.
func TestSourcesAboveTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, p.Client(t), bucket, "target")
	p.Put(bucket, "source", "body")
	// a hole
	if err := os.Truncate(proxytest.StoredFile(dir, bucket, "source"),
		crypto.StoredLength(crypto.MaxPart+1)); err != nil {
		t.Fatal(err)
	}
	const text = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
	if a := p.CopyOf(bucket+"/source", bucket+"/copy"); a.StatusCode != 400 || a.Code() != "InvalidRequest" ||
		!strings.Contains(a.Text, text) {
		t.Errorf("copy: %d %s", a.StatusCode, a.Text)
	}
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/target", Query: "partNumber=1&uploadId=" + u.ID,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", bucket+"/source")},
	})
	if a.StatusCode != 400 || a.Code() != "InvalidRequest" || !strings.Contains(a.Text, text) {
		t.Errorf("copy of a part: %d %s", a.StatusCode, a.Text)
	}
	if a := p.AppendTo(bucket, "source", 4, "x"); a.StatusCode != 400 || a.Code() != "InvalidWriteOffset" {
		t.Errorf("append at the old end: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Rename(bucket, "source", "renamed"); a.StatusCode != 500 {
		t.Errorf("rename of what was made longer: %d %s", a.StatusCode, a.Text)
	}
}
