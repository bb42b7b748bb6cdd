package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/sigv4"
)

// copyPart copies a part into an upload; an empty span is the whole source.
func (u *uploader) copyPart(number int32, source, span string) error {
	u.t.Helper()
	in := &s3.UploadPartCopyInput{Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number, CopySource: &source}
	if span != "" {
		in.CopySourceRange = &span
	}
	out, err := u.client.UploadPartCopy(u.t.Context(), in)
	if err != nil {
		return err
	}
	if out.CopyPartResult.LastModified == nil {
		u.t.Error("no date in the result")
	}
	u.etags[number], u.sums[number] = *out.CopyPartResult.ETag, out.CopyPartResult.ChecksumCRC32
	return nil
}

func TestPartsAreCopiedFromRanges(t *testing.T) {
	t.Parallel()
	p := startCounting(t, t.TempDir())
	client := p.client(t)
	directory := p.env["SEALFRONT_BUCKET"]
	general := makeBucket(t, client, "general")
	body := append(randomBytes(5*mib+7), randomBytes(6*mib)...)
	for _, bucket := range []string{directory, general} {
		u := newUploader(t, client, bucket, "multi")
		u.part(1, body[:5*mib+7])
		u.part(2, body[5*mib+7:])
		if _, err := u.complete(1, 2); err != nil {
			t.Fatal(err)
		}
		p.put(bucket, "empty", "")
		p.put(bucket, "small", "small")
	}
	for _, from := range []string{directory, general} {
		for _, to := range []string{directory, general} {
			u := newUploader(t, client, to, "target")
			var want []byte
			generate, decrypt := p.kmsCalls(func() {
				for i, span := range [][2]int{{0, len(body) - 1}, {5*mib - 1, 10*mib - 1}, {1000, 6*mib + 999}} {
					if err := u.copyPart(int32(i+1), from+"/multi", fmt.Sprintf("bytes=%d-%d", span[0], span[1])); err != nil {
						t.Fatal(err)
					}
					want = append(want, body[span[0]:span[1]+1]...)
				}
			})
			// The source's Decrypt and that of the upload's own blob, for each part; SSE-S3 needs none.
			wantDecrypt := 0
			if from == directory {
				wantDecrypt += 3
			}
			if to == directory {
				wantDecrypt += 3
			}
			if generate != 0 || decrypt != wantDecrypt {
				t.Errorf("%s to %s: %d calls of GenerateDataKey, %d of Decrypt; want 0 and %d", from, to, generate, decrypt, wantDecrypt)
			}
			u.part(4, randomBytes(5*mib))
			want = append(want, randomBytes(5*mib)...)
			if err := u.copyPart(5, from+"/multi", "bytes=7-7"); err != nil {
				t.Fatal(err)
			}
			want = append(want, body[7])
			if _, err := u.complete(1, 2, 3, 4, 5); err != nil {
				t.Fatal(err)
			}
			mustRead(t, client, to, "target", want)
			for _, key := range []string{"empty", "small"} {
				u := newUploader(t, client, to, "target-"+key)
				if err := u.copyPart(1, from+"/"+key, ""); err != nil {
					t.Fatal(err)
				}
				if _, err := u.complete(1); err != nil {
					t.Fatal(err)
				}
				mustRead(t, client, to, "target-"+key, []byte(strings.TrimPrefix(key, "empty")))
			}
		}
	}
	u := newUploader(t, client, directory, "cost")
	cost := p.storeRequests(func() {
		if err := u.copyPart(1, directory+"/multi", "bytes=0-5242879"); err != nil {
			t.Fatal(err)
		}
	})
	wantCost(t, "UploadPartCopy", cost, map[string]int{"GetObject": 2, "UploadPart": 1, "PutObject": 1})
	if n := p.bodyBytes(func() { _ = u.copyPart(1, directory+"/multi", "bytes=0-5242879") }); n != 0 {
		t.Errorf("%d bytes of body were counted as a client's", n)
	}
}

// Rows UC-2 to UC-4, and what section 6.6 says of sources and ranges.
func TestPartCopiesThatAreRefused(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	p.put(bucket, "source", "0123456789")
	u := newUploader(t, client, bucket, "target")
	override := p.do(&rawRequest{method: "POST", path: "/" + bucket + "/override", query: "uploads=", header: []sigv4.Field{field("X-Amz-Server-Side-Encryption", "AES256")}})
	other := element(override.body, "UploadId")
	for what, c := range map[string]struct {
		key, id, source, number string
		header                  []sigv4.Field
		status                  int
		code                    string
	}{
		"UC-2: another kind than the default": {"override", other, bucket + "/source", "1", nil, 400, "InvalidRequest"},
		"UC-3: an encryption header":          {"target", u.id, bucket + "/source", "1", []sigv4.Field{field("X-Amz-Server-Side-Encryption", "aws:kms")}, 400, "InvalidArgument"},
		"UC-4: a customer key":                {"target", u.id, bucket + "/source", "1", []sigv4.Field{field("X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm", "AES256")}, 501, "NotImplemented"},
		"a range beyond the end":              {"target", u.id, bucket + "/source", "1", []sigv4.Field{field("X-Amz-Copy-Source-Range", "bytes=5-10")}, 400, "InvalidArgument"},
		"a range that is none":                {"target", u.id, bucket + "/source", "1", []sigv4.Field{field("X-Amz-Copy-Source-Range", "bytes=5-")}, 400, "InvalidArgument"},
		"a source that isn't there":           {"target", u.id, bucket + "/absent", "1", nil, 404, "NoSuchKey"},
		"a bucket that isn't there":           {"target", u.id, "absent/source", "1", nil, 404, "NoSuchBucket"},
		"an upload that isn't there":          {"target", "absent", bucket + "/source", "1", nil, 404, "NoSuchUpload"},
		"part 0":                              {"target", u.id, bucket + "/source", "0", nil, 400, "InvalidArgument"},
		"a condition that fails":              {"target", u.id, bucket + "/source", "1", []sigv4.Field{field("X-Amz-Copy-Source-If-Match", `"x"`)}, 412, "PreconditionFailed"},
	} {
		a := p.do(&rawRequest{
			method: "PUT", path: "/" + bucket + "/" + c.key, query: "partNumber=" + c.number + "&uploadId=" + c.id,
			header: append([]sigv4.Field{field("X-Amz-Copy-Source", c.source)}, c.header...),
		})
		if a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
		}
	}
	list, err := client.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &bucket, Key: aws.String("target"), UploadId: &u.id})
	if err != nil || len(list.Parts) != 0 {
		t.Errorf("parts after refusals: %v, %v", list.Parts, err)
	}
}

// A part that is copied while its source is overwritten is one of the versions.
func TestAPartCopyThatRacesWithOverwritesIsOneOfTheVersions(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 300_000) }
	p.put(bucket, "source", string(version(0)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i < 20; i++ {
			p.put(bucket, "source", string(version(i)))
		}
	}()
	for i := range 20 {
		created, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("target")})
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: &bucket, Key: aws.String("target"), UploadId: created.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String(bucket + "/source")})
		if code(err) == "ServiceUnavailable" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: aws.String("target"), UploadId: created.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: out.CopyPartResult.ETag}}},
		}); err != nil {
			t.Fatal(err)
		}
		a := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/target"})
		if len(a.body) != 300_000 || strings.Count(a.body, a.body[:1]) != 300_000 {
			t.Fatalf("copy %d: %d bytes, not of one version", i, len(a.body))
		}
	}
	<-done
}
