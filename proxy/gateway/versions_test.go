package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Versions of objects and all that goes with them, and state that the store versions, too.
func TestVersions(t *testing.T) {
	for name, start := range map[string]func(*testing.T) proxytest.Service{
		"versitygw": proxytest.StartVersioningVersitygw, "minio": proxytest.StartMinIO,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := start(t)
			p := proxytest.StartOn(t, place, proxytest.StartLocalKMS(t))
			proxytest.EnableVersions(t, place.Direct(), "sealfront-state")
			v := &versions{t: t, p: p, client: p.Client(t), bucket: "versioned", versitygw: name == "versitygw"}
			proxytest.MakeBucket(t, v.client, v.bucket)
			out, err := v.client.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &v.bucket})
			if err != nil || out.Status != "" {
				t.Fatalf("before: %+v, %v", out, err)
			}
			v.put("null", []byte("made before there were versions"))
			proxytest.EnableVersions(t, v.client, v.bucket)
			if out, err = v.client.GetBucketVersioning(t.Context(),
				&s3.GetBucketVersioningInput{Bucket: &v.bucket}); err != nil ||
				out.Status != types.BucketVersioningStatusEnabled {
				t.Fatalf("after: %+v, %v", out, err)
			}
			v.readsAndDeletes()
			v.parts()
			v.copies()
			v.listing()
			v.manyDeletes()
			v.state()
		})
	}
}

// versions drives one versioned bucket.
type versions struct {
	t      *testing.T
	p      *proxytest.Program
	client *s3.Client
	bucket string
	// versitygw finds null by GET and not by HEAD, reports delete markers by GET and not by HEAD, and lists them once
	// a page.
	versitygw bool
}

// put makes a version and returns its id.
func (v *versions) put(key string, body []byte) string {
	v.t.Helper()
	out, err := v.client.PutObject(v.t.Context(),
		&s3.PutObjectInput{Bucket: &v.bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		v.t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

func (v *versions) get(key, version, query string, header ...string) *proxytest.Answer {
	v.t.Helper()
	r := &proxytest.Request{Method: "GET", Path: "/" + v.bucket + "/" + key, Query: query}
	if version != "" {
		r.Query = strings.Trim(query+"&versionId="+version, "&")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header = append(r.Header, proxytest.Field(header[i], header[i+1]))
	}
	return v.p.Do(r)
}

// reads asserts that a version is read whole and in a range, and by HEAD.
func (v *versions) reads(key, version string, want []byte) {
	v.t.Helper()
	a := v.get(key, version, "")
	if a.StatusCode != 200 || a.Text != string(want) || version != "" && a.Header.Get("x-amz-version-id") != version {
		v.t.Errorf("GET %s?versionId=%s: %d, %d bytes, %v", key, version, a.StatusCode, len(a.Text), a.Header)
	}
	if n := len(want); n > 10 {
		first := n - n/3
		for _, span := range []string{fmt.Sprintf("bytes=%d-%d", first, n-2), fmt.Sprintf("bytes=-%d", n-first)} {
			a = v.get(key, version, "", "Range", span)
			if a.StatusCode != 206 || !strings.HasPrefix(string(want[first:]), a.Text) || len(a.Text) < n-first-1 {
				v.t.Errorf("GET %s?versionId=%s, %s: %d, %d bytes", key, version, span, a.StatusCode, len(a.Text))
			}
		}
	}
	head, err := v.client.HeadObject(v.t.Context(),
		&s3.HeadObjectInput{Bucket: &v.bucket, Key: &key, VersionId: &version})
	if version == "" {
		head, err = v.client.HeadObject(v.t.Context(), &s3.HeadObjectInput{Bucket: &v.bucket, Key: &key})
	}
	if err != nil || aws.ToInt64(head.ContentLength) != int64(len(want)) || version != "" &&
		aws.ToString(head.VersionId) != version {
		v.t.Errorf("HEAD %s?versionId=%s: %+v, %v", key, version, head, err)
	}
}

func (v *versions) readsAndDeletes() {
	t, ctx := v.t, v.t.Context()
	one, two := proxytest.RandomBytes(100_000), proxytest.RandomBytes(200_000)
	id1, id2 := v.put("a", one), v.put("a", two)
	if id1 == "" || id2 == "" || id1 == id2 {
		t.Fatalf("versions %q and %q", id1, id2)
	}
	v.reads("a", id1, one)
	v.reads("a", id2, two)
	v.reads("a", "", two)
	if !v.versitygw {
		v.reads("null", "null", []byte("made before there were versions"))
	} else if a := v.get("null", "null", ""); a.Text != "made before there were versions" {
		t.Errorf("null: %d %s", a.StatusCode, a.Text)
	}

	attributes, err := v.client.GetObjectAttributes(ctx,
		&s3.GetObjectAttributesInput{
			Bucket: &v.bucket, Key: aws.String("a"), VersionId: &id1,
			ObjectAttributes: []types.ObjectAttributes{"ObjectSize", "ETag"},
		})
	if err != nil || aws.ToInt64(attributes.ObjectSize) != int64(len(one)) ||
		aws.ToString(attributes.VersionId) != id1 {
		t.Errorf("attributes: %+v, %v", attributes, err)
	}

	deleted, err := v.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &v.bucket, Key: aws.String("a")})
	if err != nil || !aws.ToBool(deleted.DeleteMarker) || aws.ToString(deleted.VersionId) == "" {
		t.Fatalf("delete: %+v, %v", deleted, err)
	}
	marker := *deleted.VersionId
	for _, method := range []string{"GET", "HEAD"} {
		a := v.p.Do(&proxytest.Request{Method: method, Path: "/" + v.bucket + "/a"})
		if a.StatusCode != 404 || a.Header.Get("x-amz-delete-marker") != "true" && (method == "GET" || !v.versitygw) ||
			method == "HEAD" && a.Text != "" || method == "GET" && a.Code() != "NoSuchKey" {
			t.Errorf("%s of a deleted object: %d %v %s", method, a.StatusCode, a.Header, a.Text)
		}
		a = v.p.Do(&proxytest.Request{Method: method, Path: "/" + v.bucket + "/a", Query: "versionId=" + marker})
		if a.StatusCode != 405 || a.Header.Get("x-amz-delete-marker") != "true" || a.Header.Get("Allow") != "DELETE" ||
			method == "GET" && a.Code() != "MethodNotAllowed" {
			t.Errorf("%s of a delete marker: %d %v %s", method, a.StatusCode, a.Header, a.Text)
		}
	}
	if a := v.get("a", strings.Repeat("0", len(id1)), ""); a.StatusCode != 404 && a.StatusCode != 400 ||
		a.Code() == "NoSuchKey" || strings.Contains(a.Text, "store") {
		t.Errorf("a version that isn't there: %d %s", a.StatusCode, a.Text)
	}
	v.reads("a", id1, one)
	gone, err := v.client.DeleteObject(ctx,
		&s3.DeleteObjectInput{Bucket: &v.bucket, Key: aws.String("a"), VersionId: &marker})
	if err != nil || aws.ToString(gone.VersionId) != marker || !aws.ToBool(gone.DeleteMarker) {
		t.Errorf("deletion of the marker: %+v, %v", gone, err)
	}
	v.reads("a", "", two)
	if gone, err = v.client.DeleteObject(ctx,
		&s3.DeleteObjectInput{Bucket: &v.bucket, Key: aws.String("a"), VersionId: &id2}); err != nil ||
		aws.ToString(gone.VersionId) != id2 {
		t.Errorf("deletion of a version: %+v, %v", gone, err)
	}
	v.reads("a", "", one)
	if a := v.p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + v.bucket + "/a", Query: "versionId=" + id1,
		Body: "x",
	}); a.Code() != "InvalidArgument" {
		t.Errorf("PUT of a version: %d %s", a.StatusCode, a.Text)
	}
}

// parts: layouts of several parts are known by their version.
func (v *versions) parts() {
	t := v.t
	upload := func(parts ...[]byte) (string, []byte) {
		u := proxytest.NewUploader(t, v.client, v.bucket, "parts")
		var numbers []int32
		var whole []byte
		for i, part := range parts {
			u.Part(int32(i+1), part)
			numbers = append(numbers, int32(i+1))
			whole = append(whole, part...)
		}
		out, err := u.Complete(numbers...)
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.VersionId), whole
	}
	// Parts of a length that no range maps to by arithmetic alone.
	id1, one := upload(proxytest.RandomBytes(5*proxytest.MiB+77), proxytest.RandomBytes(1000))
	id2, two := upload(proxytest.RandomBytes(5*proxytest.MiB+4099), proxytest.RandomBytes(2000))
	if id1 == "" || id2 == "" {
		t.Errorf("Complete answered the versions %q and %q", id1, id2)
	}
	for range 2 {
		v.reads("parts", id1, one)
		v.reads("parts", id2, two)
		v.reads("parts", "", two)
	}
	if a := v.get("parts", id1, "partNumber=2"); a.StatusCode != 206 || a.Text != string(one[5*proxytest.MiB+77:]) {
		t.Errorf("part 2 of the older version: %d, %d bytes", a.StatusCode, len(a.Text))
	}
}

func (v *versions) copies() {
	t := v.t
	one, two := proxytest.RandomBytes(70_000), proxytest.RandomBytes(80_000)
	id1, _ := v.put("source", one), v.put("source", two)
	source := v.bucket + "/source?versionId=" + id1
	for _, c := range []struct{ what, to, algorithm string }{
		{"elsewhere", "elsewhere", ""},
		{"sealed anew", "anew", "SHA256"},
		{"an old version brought back", "source", ""},
		{"an old version brought back and sealed anew", "source", "SHA1"},
	} {
		r := &proxytest.Request{
			Method: "PUT", Path: "/" + v.bucket + "/" + c.to,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", source)},
		}
		if c.algorithm != "" {
			r.Header = append(r.Header, proxytest.Field("X-Amz-Checksum-Algorithm", c.algorithm))
		}
		a := v.p.Do(r)
		if a.StatusCode != 200 || a.Header.Get("x-amz-copy-source-version-id") != id1 ||
			a.Header.Get("x-amz-version-id") == "" || a.Header.Get("x-amz-version-id") == id1 {
			t.Errorf("%s: %d %v %s", c.what, a.StatusCode, a.Header, a.Text)
			continue
		}
		v.reads(c.to, a.Header.Get("x-amz-version-id"), one)
		v.reads(c.to, "", one)
	}
	u := proxytest.NewUploader(t, v.client, v.bucket, "copied-part")
	out, err := v.client.UploadPartCopy(t.Context(),
		&s3.UploadPartCopyInput{
			Bucket: &v.bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: aws.Int32(1),
			CopySource: &source,
		})
	if err != nil || aws.ToString(out.CopySourceVersionId) != id1 {
		t.Fatalf("UploadPartCopy: %+v, %v", out, err)
	}
	u.ETags[1], u.Sums[1] = *out.CopyPartResult.ETag, out.CopyPartResult.ChecksumCRC32
	if _, err := u.Complete(1); err != nil {
		t.Fatal(err)
	}
	v.reads("copied-part", "", one)
	if a := v.p.CopyOf(v.bucket+"/source?versionId="+strings.Repeat("0", len(id1)),
		v.bucket+"/nothing"); a.StatusCode != 404 && a.StatusCode != 400 {
		t.Errorf("a copy of no version: %d %s", a.StatusCode, a.Text)
	}
}

// listing: all versions with the sizes of their plaintext and our ETags, page by page.
func (v *versions) listing() {
	t, ctx := v.t, v.t.Context()
	sizes := map[string]int64{}
	for i := range 3 {
		for _, key := range []string{"list/b", "list/a b+ü"} {
			body := proxytest.RandomBytes(1000*i + 1)
			sizes[v.put(key, body)] = int64(len(body))
		}
	}
	deleted, err := v.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &v.bucket, Key: aws.String("list/b")})
	if err != nil {
		t.Fatal(err)
	}
	for _, max := range []int32{1000, 2} {
		seen, latest, markers := 0, 0, map[string]bool{}
		pages := s3.NewListObjectVersionsPaginator(v.client,
			&s3.ListObjectVersionsInput{Bucket: &v.bucket, Prefix: aws.String("list/"), MaxKeys: &max})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Versions {
				size, known := sizes[aws.ToString(o.VersionId)]
				if !known || size != aws.ToInt64(o.Size) || !strings.HasPrefix(aws.ToString(o.ETag), `"sf-`) ||
					!strings.HasPrefix(aws.ToString(o.Key), "list/") {
					t.Errorf("listed %s %s with %d bytes, want %d (%t); ETag %s", aws.ToString(o.Key),
						aws.ToString(o.VersionId), aws.ToInt64(o.Size), size, known, aws.ToString(o.ETag))
				}
				seen++
				if aws.ToBool(o.IsLatest) {
					latest++
				}
			}
			for _, m := range page.DeleteMarkers {
				if aws.ToString(m.VersionId) != *deleted.VersionId || !aws.ToBool(m.IsLatest) ||
					aws.ToString(m.Key) != "list/b" {
					t.Errorf("delete marker %+v", m)
				}
				if markers[*m.VersionId] && !v.versitygw {
					t.Errorf("delete marker %s is listed twice", *m.VersionId)
				}
				markers[*m.VersionId] = true
			}
		}
		if seen != len(sizes) || len(markers) != 1 || latest != 1 {
			t.Errorf("pages of %d: %d versions, %d markers, %d latest; want %d, 1, 1", max, seen, len(markers), latest,
				len(sizes))
		}
	}
	a := v.p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + v.bucket,
		Query: "delimiter=%2F&encoding-type=url&prefix=li&versions=",
	})
	if !strings.Contains(a.Text, "<CommonPrefixes><Prefix>list/</Prefix></CommonPrefixes>") ||
		strings.Contains(a.Text, "<Version>") {
		t.Errorf("with a delimiter: %s", a.Text)
	}
	a = v.p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + v.bucket,
		Query: "encoding-type=url&max-keys=1&prefix=list%2Fa&versions=",
	})
	if !strings.Contains(a.Text, "<Key>list/a+b%2B%C3%BC</Key>") {
		t.Errorf("encoded: %s", a.Text)
	}
}

func (v *versions) manyDeletes() {
	t, ctx := v.t, v.t.Context()
	id := v.put("many/a", []byte("1"))
	v.put("many/b", []byte("2"))
	out, err := v.client.DeleteObjects(ctx,
		&s3.DeleteObjectsInput{Bucket: &v.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
			{Key: aws.String("many/a"), VersionId: &id}, {Key: aws.String("many/b")},
		}}})
	if err != nil || len(out.Errors) != 0 || len(out.Deleted) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, d := range out.Deleted {
		switch *d.Key {
		case "many/a":
			if aws.ToString(d.VersionId) != id || aws.ToBool(d.DeleteMarker) {
				t.Errorf("deleted %+v", d)
			}
		case "many/b":
			if !aws.ToBool(d.DeleteMarker) || aws.ToString(d.DeleteMarkerVersionId) == "" || d.VersionId != nil {
				t.Errorf("deleted %+v", d)
			}
		}
	}
	v.p.MustNotExist(v.bucket, "many/a")
	v.p.MustNotExist(v.bucket, "many/b")
}

// state: records in a bucket that has versions are made, changed, and gone when they are deleted.
func (v *versions) state() {
	t, ctx := v.t, v.t.Context()
	key := v.p.Env["SEALFRONT_KMS_KEY"]
	directory := proxytest.MakeDirectoryBucket(t, v.client, key)
	u := proxytest.NewUploader(t, v.client, directory, "upload")
	u.Part(1, []byte("first"))
	u.Part(1, []byte("second"))
	if _, err := u.Complete(1); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, v.client, directory, "upload", []byte("second"))
	if a := v.p.Rename(directory, "upload", "renamed",
		proxytest.Field("X-Amz-Client-Token", "token")); a.StatusCode != 200 {
		t.Errorf("rename: %d %s", a.StatusCode, a.Text)
	}
	list, err := v.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &directory})
	if err != nil || len(list.Uploads) != 0 {
		t.Errorf("uploads: %+v, %v", list, err)
	}
	gone := proxytest.NewUploader(t, v.client, directory, "gone")
	if _, err := v.client.AbortMultipartUpload(context.WithoutCancel(ctx),
		&s3.AbortMultipartUploadInput{Bucket: &directory, Key: &gone.Key, UploadId: &gone.ID}); err != nil {
		t.Error(err)
	}
	if _, err := gone.Complete(); err == nil {
		t.Error("an aborted upload was completed")
	}
	if _, err := v.client.DeleteObject(ctx,
		&s3.DeleteObjectInput{Bucket: &directory, Key: aws.String("renamed")}); err != nil {
		t.Error(err)
	}
	if _, err := v.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &directory}); err != nil {
		t.Error(err)
	}
	if a := v.p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + directory,
		Query: "list-type=2",
	}); a.Code() != "NoSuchBucket" {
		t.Errorf("a deleted bucket: %d %s", a.StatusCode, a.Text)
	}
}
