package gateway_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// These are findings of a red-team report on the design that have no home in another file; each test is named for one.

// L2: a part that is not among the completed ones is not overwritten by the object's end.
func TestL2APartThatIsNotCompletedIsNotLost(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	a, b, c := proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB+1),
		proxytest.RandomBytes(5*proxytest.MiB+2)
	u.Part(1, a)
	u.Part(2, b)
	u.Part(3, c)
	if _, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &u.Key, UploadId: &u.ID, MultipartUpload: u.List(1, 2),
		IfMatch: aws.String("sf-nothing"),
	}); err == nil {
		t.Fatal("completed against its condition")
	}
	if _, err := u.Complete(1, 2, 3); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, client, bucket, "key", bytes.Join([][]byte{a, b, c}, nil))
}

// L7: account and region are written into a bucket's record when it is made; later changes concern new buckets.
func TestL7ConfigurationMayChangeUnderABucket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	configured := func(more string) *proxytest.Program {
		return proxytest.StartWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
`+more+`
data: `+dir+"\n")
	}
	p := configured("")
	for _, path := range []string{"/" + proxytest.DemoBucket + "/key", "/general", "/general/key"} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: path,
			Body: map[bool]string{true: "body"}[strings.HasSuffix(path, "key")],
		}); a.StatusCode != 200 {
			t.Fatal(path, a.StatusCode, a.Text)
		}
	}
	p.Stop()
	p = configured(`account: "999999999999"`)
	for _, path := range []string{"/" + proxytest.DemoBucket + "/key", "/general/key"} {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.StatusCode != 200 || a.Text != "body" {
			t.Errorf("%s after the account was changed: %d %s", path, a.StatusCode, a.Text)
		}
	}
}

// L9: no name leads to another bucket or to the state bucket, whatever prefix the store's buckets have.
func TestL9BucketNamesLeadToOneBucketEach(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	prefix := ""
	for _, r := range f.Seen() {
		if name, _, ok := strings.Cut(strings.Trim(r.URL.Path, "/"), "state"); ok {
			prefix = name
		}
	}
	if prefix == "" {
		t.Fatal("the state bucket was not seen")
	}
	buckets := []string{"x", "x--az1--x-s3", "x--az2--x-s3", "x-x"}
	buckets[0] = "xxx"
	for _, bucket := range buckets {
		body := ""
		if strings.HasSuffix(bucket, "--x-s3") {
			body = strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", strings.Split(bucket, "--")[1], 1)
		}
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket, Body: body}); a.StatusCode != 200 {
			t.Fatal(bucket, a.StatusCode, a.Text)
		}
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/key",
			Body: bucket,
		}); a.StatusCode != 200 {
			t.Fatal(bucket, a.StatusCode, a.Text)
		}
	}
	for _, bucket := range buckets {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/key"}); a.Text != bucket {
			t.Errorf("%s/key is %q", bucket, a.Text)
		}
	}
	// The state bucket is the one whose name with the prefix is the state bucket's.
	for _, r := range []*proxytest.Request{
		{Method: "GET", Path: "/state/state-key"},
		{Method: "GET", Path: "/state", Query: "list-type=2"},
		{Method: "PUT", Path: "/state/x", Body: "x"},
		{
			Method: "PUT", Path: "/xxx/copy",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", "state/state-key")},
		},
	} {
		if a := p.Do(r); a.StatusCode != 404 || a.Code() != "NoSuchBucket" {
			t.Errorf("%s %s: %d %s", r.Method, r.Path, a.StatusCode, a.Code())
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/state"}); a.StatusCode != 409 {
		t.Errorf("CreateBucket of the state bucket's name: %d %s", a.StatusCode, a.Code())
	}
}

// L13: general purpose buckets: another key, additional context pairs, no bucket key; the envelope remembers them.
func TestL13TheEnvelopeRemembersContextAndBucketKey(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "general")
	key := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	kms := func(more ...sigv4.Field) []sigv4.Field {
		return append([]sigv4.Field{
			proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
			proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key),
		}, more...)
	}
	context := proxytest.Field("X-Amz-Server-Side-Encryption-Context",
		base64.StdEncoding.EncodeToString([]byte(`{"department":"10"}`)))
	for name, c := range map[string]struct {
		header    []sigv4.Field
		bucketKey string
	}{
		"plain":      {kms(), ""},
		"context":    {kms(context), ""},
		"bucket-key": {kms(proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")), "true"},
		"both": {
			kms(context, proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")),
			"true",
		},
	} {
		path := "/general/" + name
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: path, Body: name,
			Header: c.header,
		}); a.StatusCode != 200 ||
			a.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != key {
			t.Fatalf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		p.DropKeys("")
		a := p.Do(&proxytest.Request{Method: "GET", Path: path})
		if a.Text != name || a.Header.Get("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled") != c.bucketKey ||
			a.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
			t.Errorf("%s: %d %q %v", name, a.StatusCode, a.Text, a.Header)
		}
	}
	// Objects without a bucket key call KMS each time they are written.
	before := p.Metric("sealfront_kms_calls_total", `call="GenerateDataKey"`)
	for range 3 {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/general/each", Body: "x",
			Header: kms(),
		}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode)
		}
	}
	if n := p.Metric("sealfront_kms_calls_total", `call="GenerateDataKey"`) - before; n != 3 {
		t.Errorf("%d calls of GenerateDataKey for 3 objects without a bucket key", n)
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general/foreign", Body: "x", Header: []sigv4.Field{
		proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
		proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
			"arn:aws:kms:us-west-2:999999999999:key/00000000-0000-0000-0000-000000000000"),
	}}); a.StatusCode/100 != 4 {
		t.Errorf("a key of another account: %d", a.StatusCode)
	}
}

// W1: an empty object is its envelope alone, so folder markers work; cut to nothing, an object is damaged.
func TestW1EmptyObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, key := range []string{"folder/", "empty"} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + key}); a.StatusCode != 200 {
			t.Errorf("PUT %s: %d %s", key, a.StatusCode, a.Text)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}); a.StatusCode != 200 ||
			a.Text != "" || a.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
			t.Errorf("GET %s: %d %v", key, a.StatusCode, a.Header)
		}
		if a := p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/" + key,
			Header: []sigv4.Field{proxytest.Field("Range", "bytes=0-0")},
		}); a.StatusCode != 416 ||
			a.Header.Get("Content-Range") != "bytes */0" {
			t.Errorf("a range of %s: %d %v", key, a.StatusCode, a.Header)
		}
	}
	client := p.Client(t)
	u := proxytest.NewUploader(t, client, bucket, "multipart")
	u.Part(1, []byte("x"))
	if _, err := u.Complete(1); err != nil {
		t.Fatal(err)
	}
	proxytest.Overwrite(t, proxytest.StoredFile(dir, bucket, "multipart"), nil)
	for _, method := range []string{"GET", "HEAD"} {
		if a := p.Do(&proxytest.Request{Method: method, Path: "/" + bucket + "/multipart"}); a.StatusCode != 500 {
			t.Errorf("%s of a multipart object cut to nothing: %d", method, a.StatusCode)
		}
	}
}

// W3 and trap 16: no tool takes our ETags for an MD5, and they are the same wherever they show.
func TestW3ETagsAreNoMD5AndTheSameEverywhere(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	put := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/key", Body: "body"})
	etag := put.Header.Get("Etag")
	plain := strings.Trim(etag, `"`)
	if !strings.Contains(plain, "-") || len(plain) == 32 || strings.Trim(plain, "0123456789abcdef-") == "" {
		t.Errorf("ETag %s", etag)
	}
	head := p.Do(&proxytest.Request{Method: "HEAD", Path: "/" + bucket + "/key"})
	get := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/key"})
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	if head.Header.Get("Etag") != etag || get.Header.Get("Etag") != etag || *list.Contents[0].ETag != etag {
		t.Errorf("PUT %s, HEAD %s, GET %s, list %s", etag, head.Header.Get("Etag"), get.Header.Get("Etag"),
			*list.Contents[0].ETag)
	}
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"If-Match", etag, 200},
		{"If-Match", plain, 200},
		{"If-Match", "*", 200},
		{"If-Match", `"other"`, 412},
		{"If-None-Match", etag, 304},
		{"If-None-Match", `W/` + etag, 304},
		{"If-None-Match", `"other"`, 200},
		{"If-Match", `"sf-"`, 412},
	} {
		if a := p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/key",
			Header: []sigv4.Field{proxytest.Field(c.header, c.value)},
		}); a.StatusCode != c.status {
			t.Errorf("%s: %s: %d, want %d", c.header, c.value, a.StatusCode, c.status)
		}
	}
}

// W4: user metadata may hold what the envelope leaves of 2 KB; more is refused before the body.
func TestW4MetadataRoom(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/key"
	put := func(n, declared int) *proxytest.Answer {
		r := &proxytest.Request{
			Method: "PUT", Path: path, Declared: declared,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-Big", strings.Repeat("m", n))},
		}
		host, head := p.Head(r)
		c := p.Dial(r, host)
		body := declared
		if n > 2000 {
			body = 1 // a refusal comes without the rest
		}
		if _, err := c.Write(append(head, proxytest.RandomBytes(body)...)); err != nil {
			t.Fatal(err)
		}
		return p.Read(c, "PUT")
	}
	room := 0
	for n := 1000; n <= 2000; n += 20 {
		if a := put(n, 10); a.StatusCode == 200 {
			room = n
		} else if a.Code() != "MetadataTooLarge" {
			t.Fatalf("%d bytes of metadata: %d %s", n, a.StatusCode, a.Text)
		}
	}
	if room < 1200 {
		t.Errorf("room for %d bytes of user metadata", room)
	}
	for _, declared := range []int{10, 100_000, 1 << 20} {
		if a := put(2001, declared); a.StatusCode != 400 || a.Code() != "MetadataTooLarge" ||
			!strings.Contains(a.Text, "<MaxSizeAllowed>") {
			t.Errorf("too much metadata, body of %d bytes: %d %s", declared, a.StatusCode, a.Text)
		}
	}
	for _, name := range []string{"X-Amz-Meta-Sealfront", "X-Amz-Meta-Sealfront-Encoding"} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: path, Body: "x",
			Header: []sigv4.Field{proxytest.Field(name, "mine")},
		}); a.StatusCode != 400 {
			t.Errorf("a client set %s: %d", name, a.StatusCode)
		}
	}
}

// W6: what was not sealed is listed and can be deleted, and is never served.
func TestW6ForeignObjectsAreNotServed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	if err := os.WriteFile(filepath.Join(dir, "store", "objects", bucket, "foreign"), []byte("plain text"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "HEAD"} {
		a := p.Do(&proxytest.Request{Method: method, Path: "/" + bucket + "/foreign"})
		if a.StatusCode != 403 || method == "GET" && a.Code() != "InvalidObjectState" ||
			strings.Contains(a.Text, "plain text") {
			t.Errorf("%s: %d %s", method, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "list-type=2"}); !strings.Contains(a.Text,
		"<Key>foreign</Key>") {
		t.Errorf("not listed: %s", a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/foreign"}); a.StatusCode != 204 {
		t.Errorf("DELETE: %d", a.StatusCode)
	}
}

// W12: a zonal request with a session makes one request to the store, its own, when the bucket's record is cached.
func TestW12ASessionCostsNoLookUp(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	s := p.Session(bucket)
	put := func() {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/key", Body: "x", Service: "s3express",
			Credentials: s,
		}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode)
		}
	}
	put()
	proxytest.WantCost(t, "10 PUTs", p.StoreRequests(func() {
		for range 10 {
			put()
		}
	}), map[string]int{"PutObject": 10})
}

// W14: what a bucket's record keeps shows.
func TestW14BucketsKeepZoneAndDate(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	a := p.Do(&proxytest.Request{Method: "HEAD", Path: "/" + p.Env["SEALFRONT_BUCKET"]})
	if a.Header.Get("X-Amz-Bucket-Location-Name") != "local-az1" ||
		a.Header.Get("X-Amz-Bucket-Location-Type") != "AvailabilityZone" ||
		a.Header.Get("X-Amz-Bucket-Region") != "us-west-2" ||
		!strings.HasSuffix(a.Header.Get("X-Amz-Bucket-Arn"), ":bucket/"+proxytest.DemoBucket) {
		t.Errorf("%v", a.Header)
	}
	list := p.Do(&proxytest.Request{Method: "GET", Path: "/", Query: "x-id=ListDirectoryBuckets", Service: "s3express"})
	if !strings.Contains(list.Text, "<CreationDate>20") {
		t.Errorf("%s", list.Text)
	}
}

// W18: a Complete of 10,000 parts with SHA-256 is taken in; 4 MiB is the end.
func TestW18LargeCompleteDocuments(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	document := func(parts, padding int) string {
		var b strings.Builder
		b.WriteString("<CompleteMultipartUpload>")
		for n := 1; n <= parts; n++ {
			fmt.Fprintf(&b,
				"<Part><PartNumber>%d</PartNumber><ETag>&quot;sf-CRC64NVME-AAAAAAAAAAA=&quot;</ETag><ChecksumSHA256>%s</ChecksumSHA256></Part>", n, strings.Repeat("A", 43)+"=")
		}
		b.WriteString(strings.Repeat(" ", padding) + "</CompleteMultipartUpload>")
		return b.String()
	}
	query := "uploadId=" + u.ID
	complete := func(body string) *proxytest.Answer {
		return p.Do(&proxytest.Request{Method: "POST", Path: "/" + bucket + "/key", Query: query, Body: body})
	}
	if a := complete(document(10_000, 600_000)); a.StatusCode != 400 || a.Code() != "InvalidPart" {
		t.Errorf("10,000 unknown parts: %d %s", a.StatusCode, a.Code())
	}
	if a := complete(document(10_001, 0)); a.StatusCode != 400 || a.Code() != "MalformedXML" {
		t.Errorf("10,001 parts: %d %s", a.StatusCode, a.Code())
	}
	if a := complete(document(1, 4<<20)); a.StatusCode != 400 || a.Code() != "MaxMessageLengthExceeded" {
		t.Errorf("a document above 4 MiB: %d %s", a.StatusCode, a.Code())
	}
	for _, body := range []string{
		"<", "<CompleteMultipartUpload><Part>", "<Other/>",
		"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
	} {
		if a := complete(body); a.StatusCode != 400 {
			t.Errorf("%q: %d", body, a.StatusCode)
		}
	}
}
