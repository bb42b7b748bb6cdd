package gateway_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// RD-4 to RD-7.
func TestPartsAreReadByNumber(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	client := p.Client(t)
	u := proxytest.NewUploader(t, client, bucket, "multi")
	parts := [][]byte{
		proxytest.RandomBytes(5*proxytest.MiB + 3), proxytest.RandomBytes(6 * proxytest.MiB),
		proxytest.RandomBytes(1000),
	}
	for i, part := range parts {
		u.Part(int32(i+1), part)
	}
	if _, err := u.Complete(1, 2, 3); err != nil {
		t.Fatal(err)
	}
	p.Put(bucket, "single", "one part")
	p.Put(bucket, "empty", "")
	all := bytes.Join(parts, nil)
	at := 0
	for i, part := range parts {
		out, err := client.GetObject(t.Context(),
			&s3.GetObjectInput{
				Bucket: &bucket, Key: aws.String("multi"), PartNumber: aws.Int32(int32(i + 1)),
				ChecksumMode: types.ChecksumModeEnabled,
			})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, part) {
			t.Errorf("part %d: %d bytes, %v", i+1, len(got), err)
		}
		want := fmt.Sprintf("bytes %d-%d/%d", at, at+len(part)-1, len(all))
		if aws.ToString(out.ContentRange) != want || aws.ToInt32(out.PartsCount) != 3 {
			t.Errorf("part %d: %s of %d parts, want %s of 3", i+1, aws.ToString(out.ContentRange),
				aws.ToInt32(out.PartsCount), want)
		}
		sum := crc32.ChecksumIEEE(part)
		if aws.ToString(out.ChecksumCRC32) != proxytest.Base64(byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)) {
			t.Errorf("part %d: checksum %s", i+1, aws.ToString(out.ChecksumCRC32))
		}
		head, err := client.HeadObject(t.Context(),
			&s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("multi"), PartNumber: aws.Int32(int32(i + 1))})
		if err != nil || aws.ToInt64(head.ContentLength) != int64(len(part)) || aws.ToInt32(head.PartsCount) != 3 {
			t.Errorf("HEAD of part %d: %v", i+1, err)
		}
		at += len(part)
	}
	for _, c := range []struct {
		method, key, query string
		header             []sigv4.Field
		status             int
		code, body, length string
	}{
		{"GET", "single", "partNumber=1", nil, 206, "", "one part", "8"},
		{"HEAD", "single", "partNumber=1", nil, 206, "", "", "8"},
		{"GET", "empty", "partNumber=1", nil, 200, "", "", "0"},
		{"GET", "single", "partNumber=2", nil, 416, "InvalidPartNumber", "", ""},
		{"GET", "multi", "partNumber=4", nil, 416, "InvalidPartNumber", "", ""},
		{"HEAD", "multi", "partNumber=4", nil, 416, "", "", ""},
		{"GET", "multi", "partNumber=0", nil, 400, "InvalidArgument", "", ""},
		{"GET", "multi", "partNumber=10001", nil, 400, "InvalidArgument", "", ""},
		{"GET", "multi", "partNumber=one", nil, 400, "InvalidArgument", "", ""},
		{
			"GET", "multi", "partNumber=1",
			[]sigv4.Field{proxytest.Field("Range", "bytes=0-1")},
			400, "InvalidRequest",
			"", "",
		},
		{"GET", "absent", "partNumber=1", nil, 404, "NoSuchKey", "", ""},
		{"GET", "multi", "partNumber=1", []sigv4.Field{proxytest.Field("If-None-Match", "*")}, 304, "", "", ""},
	} {
		a := p.Do(&proxytest.Request{
			Method: c.method, Path: "/" + bucket + "/" + c.key, Query: c.query,
			Header: c.header,
		})
		if a.StatusCode != c.status || a.Code() != c.code || c.body != "" && a.Text != c.body || c.length != "" &&
			a.Header.Get("Content-Length") != c.length {
			t.Errorf("%s %s?%s %s: %d %s", c.method, c.key, c.query, c.header, a.StatusCode, a.Text)
		}
		if c.key == "single" && a.Header.Get("x-amz-mp-parts-count") != "" {
			t.Error("an object of one part shows its count")
		}
	}
	last := &proxytest.Request{Method: "GET", Path: "/" + bucket + "/multi", Query: "partNumber=3"}
	proxytest.WantCost(t, "a part of a known layout", p.StoreRequests(func() { p.Do(last) }),
		map[string]int{"HeadObject": 1, "GetObject": 1})
}

// Section 4.7 of the behaviour reference.
func TestAttributesTellWhatIsStored(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	for _, bucket := range []string{bucket, general} {
		u := proxytest.NewUploader(t, client, bucket, "multi")
		for i, n := range []int{5 * proxytest.MiB, 5*proxytest.MiB + 1, 10} {
			u.Part(int32(i+1), proxytest.RandomBytes(n))
		}
		if _, err := u.Complete(1, 2, 3); err != nil {
			t.Fatal(err)
		}
		ask := func(key string, change func(*s3.GetObjectAttributesInput)) *s3.GetObjectAttributesOutput {
			t.Helper()
			in := &s3.GetObjectAttributesInput{
				Bucket: &bucket, Key: &key,
				ObjectAttributes: []types.ObjectAttributes{
					"ETag", "Checksum", "ObjectParts", "StorageClass",
					"ObjectSize",
				},
			}
			if change != nil {
				change(in)
			}
			out, err := client.GetObjectAttributes(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		head, err := client.HeadObject(t.Context(),
			&s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("multi"), ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		out := ask("multi", nil)
		if `"`+aws.ToString(out.ETag)+`"` != *head.ETag || aws.ToInt64(out.ObjectSize) != 10*proxytest.MiB+11 ||
			out.LastModified == nil || !out.LastModified.Equal(*head.LastModified) {
			t.Errorf("%s, %d bytes of %v; HEAD says %s, %v", aws.ToString(out.ETag), aws.ToInt64(out.ObjectSize),
				out.LastModified, *head.ETag, head.LastModified)
		}
		composite := aws.ToString(head.ChecksumCRC32)
		if bucket == general {
			// general purpose buckets say it without the number of parts
			composite = strings.TrimSuffix(composite, "-3")
		}
		if out.Checksum == nil || aws.ToString(out.Checksum.ChecksumCRC32) != composite ||
			out.Checksum.ChecksumType != head.ChecksumType || !strings.HasSuffix(*head.ChecksumCRC32, "-3") {
			t.Errorf("checksum %+v, HEAD says %v", out.Checksum, aws.ToString(head.ChecksumCRC32))
		}
		parts := out.ObjectParts
		if parts == nil || aws.ToInt32(parts.TotalPartsCount) != 3 || len(parts.Parts) != 3 ||
			aws.ToBool(parts.IsTruncated) || aws.ToString(parts.PartNumberMarker) != "0" ||
			aws.ToString(parts.NextPartNumberMarker) != "3" || aws.ToInt32(parts.MaxParts) != 1000 {
			t.Fatalf("parts %+v", parts)
		}
		for i, want := range []int64{5 * proxytest.MiB, 5*proxytest.MiB + 1, 10} {
			if g := parts.Parts[i]; aws.ToInt32(g.PartNumber) != int32(i+1) || aws.ToInt64(g.Size) != want ||
				aws.ToString(g.ChecksumCRC32) != aws.ToString(u.Sums[int32(i+1)]) {
				t.Errorf("part %+v", g)
			}
		}
		page := ask("multi", func(in *s3.GetObjectAttributesInput) {
			in.MaxParts, in.PartNumberMarker = aws.Int32(1), aws.String("1")
		}).ObjectParts
		if len(page.Parts) != 1 || *page.Parts[0].PartNumber != 2 || !*page.IsTruncated ||
			*page.NextPartNumberMarker != "2" || *page.PartNumberMarker != "1" {
			t.Errorf("a page of one part: %+v", page)
		}

		for _, n := range []int{0, 10, 400_000} {
			key := "single-" + strconv.Itoa(n)
			if _, err := client.PutObject(t.Context(),
				&s3.PutObjectInput{
					Bucket: &bucket, Key: &key, Body: bytes.NewReader(proxytest.RandomBytes(n)),
					ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
				}); err != nil {
				t.Fatal(err)
			}
			out := ask(key, nil)
			if out.ObjectParts != nil || aws.ToInt64(out.ObjectSize) != int64(n) || out.Checksum == nil ||
				len(aws.ToString(out.Checksum.ChecksumSHA256)) != 44 ||
				out.Checksum.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%d bytes: %+v %+v", n, out.ObjectParts, out.Checksum)
			}
			if class := out.StorageClass; bucket == general && class != "STANDARD" || bucket != general &&
				class != "EXPRESS_ONEZONE" {
				t.Errorf("storage class %s", class)
			}
		}
	}
	a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/multi", Query: "attributes="})
	if a.StatusCode != 400 || a.Code() != "InvalidRequest" {
		t.Errorf("no attribute named: %d %s", a.StatusCode, a.Text)
	}
	only := &proxytest.Request{
		Method: "GET", Path: "/" + bucket + "/multi", Query: "attributes=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Attributes", "ObjectSize")},
	}
	proxytest.WantCost(t, "an attribute of HEAD", p.StoreRequests(func() { a = p.Do(only) }),
		map[string]int{"HeadObject": 1})
	if !strings.Contains(a.Text, "<ObjectSize>10485771</ObjectSize>") || strings.Contains(a.Text, "ETag") {
		t.Errorf("only the size was asked for: %s", a.Text)
	}
}

// An upload that asked for no checksum has one of the full object, which S3 adds. Its parts have none that a client
// sees: general purpose buckets tell their number only, directory buckets their sizes.
func TestPartsOfAFullObjectChecksumHaveNone(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	directory, general := p.Env["SEALFRONT_BUCKET"], proxytest.MakeBucket(t, client, "general")
	parts := [][]byte{proxytest.RandomBytes(5 * proxytest.MiB), []byte("the end")}
	for _, bucket := range []string{directory, general} {
		p.FullUpload(client, bucket, "full", parts...)
		path, list := "/"+bucket+"/none", ""
		id := proxytest.Between(p.Do(&proxytest.Request{Method: "POST", Path: path, Query: "uploads="}).Text,
			"<UploadId>", "</UploadId>")
		for i, part := range parts {
			a := p.Do(&proxytest.Request{
				Method: "PUT", Path: path,
				Query: fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id), Body: string(part),
			})
			list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, a.Header.Get("Etag"))
		}
		p.Do(&proxytest.Request{
			Method: "POST", Path: path, Query: "uploadId=" + id,
			Body: "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>",
		})
		for _, key := range []string{"full", "none"} {
			out, err := client.GetObjectAttributes(t.Context(),
				&s3.GetObjectAttributesInput{
					Bucket: &bucket, Key: &key,
					ObjectAttributes: []types.ObjectAttributes{"ObjectParts", "Checksum"},
				})
			if err != nil {
				t.Fatal(err)
			}
			listed := 0
			if bucket == directory {
				listed = len(parts)
			}
			if o := out.ObjectParts; o == nil || aws.ToInt32(o.TotalPartsCount) != 2 || len(o.Parts) != listed ||
				(o.MaxParts == nil) != (listed == 0) {
				t.Errorf("%s, %s: %+v", bucket, key, o)
			}
			for _, method := range []string{"HEAD", "GET"} {
				a := p.Do(&proxytest.Request{
					Method: method, Path: "/" + bucket + "/" + key, Query: "partNumber=1",
					Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")},
				})
				for name := range a.Header {
					if strings.HasPrefix(name, "X-Amz-Checksum-") {
						t.Errorf("%s of part 1 of %s/%s shows %s: %s", method, bucket, key, name, a.Header.Get(name))
					}
				}
				if a.StatusCode != 206 || a.Header.Get("X-Amz-Mp-Parts-Count") != "2" {
					t.Errorf("%s of part 1 of %s/%s: %d", method, bucket, key, a.StatusCode)
				}
			}
		}
	}
}
