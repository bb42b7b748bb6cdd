package gateway_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestPartsAreCopiedFromRanges(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	directory := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	body := append(proxytest.RandomBytes(5*proxytest.MiB+7), proxytest.RandomBytes(6*proxytest.MiB)...)
	for _, bucket := range []string{directory, general} {
		u := proxytest.NewUploader(t, client, bucket, "multi")
		u.Part(1, body[:5*proxytest.MiB+7])
		u.Part(2, body[5*proxytest.MiB+7:])
		if _, err := u.Complete(1, 2); err != nil {
			t.Fatal(err)
		}
		p.Put(bucket, "empty", "")
		p.Put(bucket, "small", "small")
	}
	for _, from := range []string{directory, general} {
		for _, to := range []string{directory, general} {
			u := proxytest.NewUploader(t, client, to, "target")
			var want []byte
			generate, decrypt := p.KMSCalls(func() {
				for i, span := range [][2]int{
					{0, len(body) - 1},
					{5*proxytest.MiB - 1, 10*proxytest.MiB - 1},
					{1000, 6*proxytest.MiB + 999},
				} {
					if err := u.CopyPart(int32(i+1), from+"/multi",
						fmt.Sprintf("bytes=%d-%d", span[0], span[1])); err != nil {
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
				t.Errorf("%s to %s: %d calls of GenerateDataKey, %d of Decrypt; want 0 and %d", from, to, generate,
					decrypt, wantDecrypt)
			}
			u.Part(4, proxytest.RandomBytes(5*proxytest.MiB))
			want = append(want, proxytest.RandomBytes(5*proxytest.MiB)...)
			if err := u.CopyPart(5, from+"/multi", "bytes=7-7"); err != nil {
				t.Fatal(err)
			}
			want = append(want, body[7])
			if _, err := u.Complete(1, 2, 3, 4, 5); err != nil {
				t.Fatal(err)
			}
			proxytest.MustRead(t, client, to, "target", want)
			for _, key := range []string{"empty", "small"} {
				u := proxytest.NewUploader(t, client, to, "target-"+key)
				if err := u.CopyPart(1, from+"/"+key, ""); err != nil {
					t.Fatal(err)
				}
				if _, err := u.Complete(1); err != nil {
					t.Fatal(err)
				}
				proxytest.MustRead(t, client, to, "target-"+key, []byte(strings.TrimPrefix(key, "empty")))
			}
		}
	}
	u := proxytest.NewUploader(t, client, directory, "cost")
	cost := p.StoreRequests(func() {
		if err := u.CopyPart(1, directory+"/multi", "bytes=0-5242879"); err != nil {
			t.Fatal(err)
		}
	})
	proxytest.WantCost(t, "UploadPartCopy", cost, map[string]int{"GetObject": 2, "UploadPart": 1, "PutObject": 1})
	if n := p.BodyBytes(func() { _ = u.CopyPart(1, directory+"/multi", "bytes=0-5242879") }); n != 0 {
		t.Errorf("%d bytes of body were counted as a client's", n)
	}
}

// Rows UC-2 to UC-4, and what section 6.6 says of sources and ranges.
func TestPartCopiesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	p.Put(bucket, "source", "0123456789")
	u := proxytest.NewUploader(t, client, bucket, "target")
	override := p.Do(&proxytest.Request{
		Method: "POST", Path: "/" + bucket + "/override", Query: "uploads=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")},
	})
	other := proxytest.Element(override.Text, "UploadId")
	for what, c := range map[string]struct {
		key, id, source, number string
		header                  []sigv4.Field
		status                  int
		code                    string
	}{
		"UC-2: another kind than the default": {"override", other, bucket + "/source", "1", nil, 400, "InvalidRequest"},
		"UC-3: an encryption header": {
			"target", u.ID, bucket + "/source", "1",
			[]sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms")},
			400, "InvalidArgument",
		},
		"UC-4: a customer key": {
			"target", u.ID, bucket + "/source", "1",
			[]sigv4.Field{proxytest.Field("X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm", "AES256")},
			501, "NotImplemented",
		},
		"a range beyond the end": {
			"target", u.ID, bucket + "/source", "1",
			[]sigv4.Field{proxytest.Field("X-Amz-Copy-Source-Range", "bytes=5-10")},
			400, "InvalidArgument",
		},
		"a range that is none": {
			"target", u.ID, bucket + "/source", "1",
			[]sigv4.Field{proxytest.Field("X-Amz-Copy-Source-Range", "bytes=5-")},
			400, "InvalidArgument",
		},
		"a source that isn't there":  {"target", u.ID, bucket + "/absent", "1", nil, 404, "NoSuchKey"},
		"a bucket that isn't there":  {"target", u.ID, "absent/source", "1", nil, 404, "NoSuchBucket"},
		"an upload that isn't there": {"target", "absent", bucket + "/source", "1", nil, 404, "NoSuchUpload"},
		"part 0":                     {"target", u.ID, bucket + "/source", "0", nil, 400, "InvalidArgument"},
		"a condition that fails": {
			"target", u.ID, bucket + "/source", "1",
			[]sigv4.Field{proxytest.Field("X-Amz-Copy-Source-If-Match", `"x"`)},
			412, "PreconditionFailed",
		},
	} {
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/" + c.key, Query: "partNumber=" + c.number + "&uploadId=" + c.id,
			Header: append([]sigv4.Field{proxytest.Field("X-Amz-Copy-Source", c.source)}, c.header...),
		})
		if a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
	}
	list, err := client.ListParts(t.Context(),
		&s3.ListPartsInput{Bucket: &bucket, Key: aws.String("target"), UploadId: &u.ID})
	if err != nil || len(list.Parts) != 0 {
		t.Errorf("parts after refusals: %v, %v", list.Parts, err)
	}
}

// A part that is copied while its source is overwritten is one of the versions.
func TestAPartCopyThatRacesWithOverwritesIsOneOfTheVersions(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 300_000) }
	p.Put(bucket, "source", string(version(0)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i < 20; i++ {
			p.Put(bucket, "source", string(version(i)))
		}
	}()
	for i := range 20 {
		created, err := client.CreateMultipartUpload(t.Context(),
			&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("target")})
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.UploadPartCopy(t.Context(),
			&s3.UploadPartCopyInput{
				Bucket: &bucket, Key: aws.String("target"), UploadId: created.UploadId,
				PartNumber: aws.Int32(1), CopySource: aws.String(bucket + "/source"),
			})
		if proxytest.Code(err) == "ServiceUnavailable" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: aws.String("target"), UploadId: created.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{
				PartNumber: aws.Int32(1),
				ETag:       out.CopyPartResult.ETag,
			}}},
		}); err != nil {
			t.Fatal(err)
		}
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/target"})
		if len(a.Text) != 300_000 || strings.Count(a.Text, a.Text[:1]) != 300_000 {
			t.Fatalf("copy %d: %d bytes, not of one version", i, len(a.Text))
		}
	}
	<-done
}
