package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestMultipartObjectsReadAsOne(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	general := proxytest.MakeBucket(t, client, "general")
	for _, bucket := range []string{p.Env["SEALFRONT_BUCKET"], general} {
		for name, sizes := range map[string][]int{
			"one small part":                {100},
			"one part of the least size":    {5 * proxytest.MiB},
			"last part small":               {5 * proxytest.MiB, 5 * proxytest.MiB, 1000},
			"last part large":               {5 * proxytest.MiB, 6 * proxytest.MiB},
			"odd sizes":                     {5*proxytest.MiB + 1, 5*proxytest.MiB + 65535, 7*proxytest.MiB + 3, 12345},
			"last part of one segment":      {5 * proxytest.MiB, 65536},
			"last part of 0 bytes":          {5 * proxytest.MiB, 0},
			"last part just below the line": {5 * proxytest.MiB, 5*proxytest.MiB - 1},
		} {
			t.Run(name+" in "+bucket[:4], func(t *testing.T) {
				key := "multipart/" + strings.ReplaceAll(name, " ", "-")
				u := proxytest.NewUploader(t, client, bucket, key)
				var whole []byte
				var wait sync.WaitGroup
				var numbers []int32
				for i, n := range sizes {
					body := proxytest.RandomBytes(n)
					whole = append(whole, body...)
					numbers = append(numbers, int32(i+1))
					wait.Go(func() { u.Part(int32(i+1), body) })
				}
				wait.Wait()
				done, err := u.Complete(numbers...)
				if err != nil {
					t.Fatal(err)
				}
				out := proxytest.MustRead(t, client, bucket, key, whole)
				if *out.ETag != *done.ETag || out.Metadata["name"] != "value" ||
					*out.ContentLength != int64(len(whole)) {
					t.Errorf("ETag %s, want %s; metadata %v; length %d", *out.ETag, *done.ETag, out.Metadata,
						*out.ContentLength)
				}
				if aws.ToString(done.ChecksumCRC32) == "" ||
					aws.ToString(out.ChecksumCRC32) != aws.ToString(done.ChecksumCRC32) {
					t.Errorf("checksum %q at Complete, %q at GET", aws.ToString(done.ChecksumCRC32),
						aws.ToString(out.ChecksumCRC32))
				}
				head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
				if err != nil || *head.ContentLength != int64(len(whole)) || *head.ETag != *done.ETag {
					t.Errorf("HEAD: %v", err)
				}
				random := rand.New(rand.NewPCG(1, 2))
				for range 25 {
					first := random.IntN(len(whole))
					last := first + random.IntN(min(len(whole)-first, 3*65536))
					value := fmt.Sprintf("bytes=%d-%d", first, last)
					part, err := client.GetObject(t.Context(),
						&s3.GetObjectInput{Bucket: &bucket, Key: &key, Range: &value})
					if err != nil {
						t.Fatalf("%s: %v", value, err)
					}
					got, err := io.ReadAll(part.Body)
					if err != nil || !bytes.Equal(got, whole[first:last+1]) ||
						*part.ContentRange != fmt.Sprintf("bytes %d-%d/%d", first, last, len(whole)) {
						t.Fatalf("%s of %d: %d bytes, %v, %s", value, len(whole), len(got), err, *part.ContentRange)
					}
				}
				listed, err := client.ListObjectsV2(t.Context(),
					&s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("multipart/")})
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range listed.Contents {
					if *o.Key == key && (*o.Size != int64(len(whole)) || *o.ETag != *done.ETag) {
						t.Errorf("listed with %d bytes and ETag %s", *o.Size, *o.ETag)
					}
				}
			})
		}
	}
}

func TestUploadThatCompletesToNothingIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket, key := p.Client(t), p.Env["SEALFRONT_BUCKET"], "folder/empty"
	u := proxytest.NewUploader(t, client, bucket, key)
	u.Part(1, nil)
	if _, err := u.Complete(1); err != nil {
		t.Fatal(err)
	}
	if out := proxytest.MustRead(t, client, bucket, key, nil); out.Metadata["name"] != "value" {
		t.Errorf("metadata %v", out.Metadata)
	}
}

// L1: general purpose buckets may complete any ascending numbers, unless the parts have checksums that count; directory
// buckets only consecutive ones.
func TestL1PartNumbersWithGaps(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	general := proxytest.MakeBucket(t, client, "general")
	a, b, c := proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB+7),
		proxytest.RandomBytes(9)
	u := proxytest.NewUploader(t, client, general, "composite")
	u.Part(1, a)
	u.Part(3, b)
	u.Part(2, c)
	for _, numbers := range [][]int32{{1, 3}, {3}, {2, 3}} {
		if _, err := u.Complete(numbers...); proxytest.Code(err) != "InvalidPartOrder" {
			t.Errorf("parts %v with checksums: %v", numbers, err)
		}
	}
	u = proxytest.NewUploaderOf(t, client, general, "gaps", types.ChecksumTypeFullObject)
	u.Part(7, b)
	u.Part(1, a)
	u.Part(10000, c)
	if _, err := u.Complete(1, 7, 10000); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, client, general, "gaps", bytes.Join([][]byte{a, b, c}, nil))
	u = proxytest.NewUploader(t, client, p.Env["SEALFRONT_BUCKET"], "gaps")
	u.Part(1, a)
	u.Part(3, b)
	if _, err := u.Complete(1, 3); proxytest.Code(err) != "InvalidPartOrder" {
		t.Errorf("a gap in a directory bucket: %v", err)
	}
	if _, err := u.Complete(1); err != nil {
		t.Errorf("after the refused Complete: %v", err)
	}
}

func TestPart10000OfFullSize(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	general := proxytest.MakeBucket(t, client, "general")
	a, b := proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(8*proxytest.MiB+1)
	u := proxytest.NewUploaderOf(t, client, general, "last", types.ChecksumTypeFullObject)
	u.Part(9999, a)
	u.Part(10000, b)
	if _, err := u.Complete(9999, 10000); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, client, general, "last", append(a, b...))
}

// Trap 1 and W11: a part sent again with other bytes, also across the line between store and stash.
func TestW11TheNewestAttemptOfAPartCounts(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	first := proxytest.RandomBytes(5 * proxytest.MiB)
	for name, attempts := range map[string][][]byte{
		"store-store": {proxytest.RandomBytes(5 * proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB + 1)},
		"stash-stash": {[]byte("one"), []byte("another")},
		"stash-store": {[]byte("one"), proxytest.RandomBytes(5*proxytest.MiB + 2)},
		"store-stash": {proxytest.RandomBytes(5*proxytest.MiB + 3), []byte("one")},
	} {
		t.Run(name, func(t *testing.T) {
			u := proxytest.NewUploader(t, client, bucket, name)
			u.Part(1, first)
			u.Part(2, attempts[0])
			old := u.ETags[2]
			accepted := func() time.Time {
				parts, err := client.ListParts(t.Context(),
					&s3.ListPartsInput{Bucket: &bucket, Key: &name, UploadId: &u.ID})
				if err != nil {
					t.Fatal(err)
				}
				return *parts.Parts[1].LastModified
			}
			// The store's clock has a resolution of its own: attempts within it can't be told apart.
			for before := accepted(); !accepted().After(before); {
				u.Part(2, attempts[1])
			}
			fresh := u.ETags[2]
			if old != fresh {
				u.ETags[2] = old
				sum := u.Sums[2]
				u.Sums[2] = nil
				if _, err := u.Complete(1, 2); proxytest.Code(err) != "InvalidPart" &&
					proxytest.Code(err) != "InvalidRequest" {
					t.Errorf("Complete with the older attempt: %v, want InvalidPart", err)
				}
				u.Sums[2] = sum
			}
			u.ETags[2] = fresh
			if _, err := u.Complete(1, 2); err != nil {
				t.Fatal(err)
			}
			proxytest.MustRead(t, client, bucket, name, append(bytes.Clone(first), attempts[1]...))
		})
	}
}

func TestCompleteRefusals(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
	u.Part(2, []byte("small"))
	u.Part(3, []byte("last"))
	ctx := t.Context()
	complete := func(change func(*s3.CompleteMultipartUploadInput)) string {
		in := &s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: aws.String("key"), UploadId: &u.ID,
			MultipartUpload: u.List(1, 2),
		}
		change(in)
		_, err := client.CompleteMultipartUpload(ctx, in)
		return proxytest.Code(err)
	}
	for name, c := range map[string]struct {
		change func(*s3.CompleteMultipartUploadInput)
		want   string
	}{
		"a small part before the last": {func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload = u.List(1, 2,
				3)
		}, "EntityTooSmall"},
		"descending": {func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload = u.List(2,
				1)
		}, "InvalidPartOrder"},
		"an unknown part": {
			func(in *s3.CompleteMultipartUploadInput) { in.MultipartUpload.Parts[1].ETag = aws.String("nothing") },
			"InvalidPart",
		},
		"no parts": {
			func(in *s3.CompleteMultipartUploadInput) { in.MultipartUpload = &types.CompletedMultipartUpload{} },
			"InvalidRequest",
		},
		"an unknown upload": {
			func(in *s3.CompleteMultipartUploadInput) { in.UploadId = aws.String("nothing") }, "NoSuchUpload",
		},
		"another key's upload": {
			func(in *s3.CompleteMultipartUploadInput) { in.Key = aws.String("other") },
			"NoSuchUpload",
		},
		"a wrong total size": {
			func(in *s3.CompleteMultipartUploadInput) { in.MpuObjectSize = aws.Int64(5) },
			"InvalidRequest",
		},
		"a wrong part checksum": {func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts[0].ChecksumCRC32 = aws.String("AAAAAA==")
		}, "BadDigest"},
		"a missing part checksum": {
			func(in *s3.CompleteMultipartUploadInput) { in.MultipartUpload.Parts[0].ChecksumCRC32 = nil }, "InvalidRequest",
		},
		"a wrong object checksum": {
			func(in *s3.CompleteMultipartUploadInput) { in.ChecksumCRC32 = aws.String("AAAAAA==") }, "BadDigest",
		},
		"a checksum of no parts": {
			func(in *s3.CompleteMultipartUploadInput) { in.ChecksumCRC32 = aws.String("AAAAAA==-no") }, "InvalidRequest",
		},
		"another checksum type": {
			func(in *s3.CompleteMultipartUploadInput) { in.ChecksumType = types.ChecksumTypeFullObject }, "InvalidRequest",
		},
		"a condition that fails": {
			func(in *s3.CompleteMultipartUploadInput) { in.IfMatch = aws.String("sf-nothing") },
			"NoSuchKey",
		},
	} {
		if got := complete(c.change); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	p.MustNotExist(bucket, "key")
	if got := complete(func(*s3.CompleteMultipartUploadInput) {}); got != "" {
		t.Errorf("after all refusals: %s", got)
	}
	proxytest.MustRead(t, client, bucket, "key", append(proxytest.RandomBytes(5*proxytest.MiB), "small"...))
}

// W10: the same list again is answered, another is not, until the object is another.
func TestW10ARepeatedCompleteIsAnswered(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
	u.Part(2, []byte("small"))
	ctx := t.Context()
	for range 3 {
		if _, err := u.Complete(1, 2); err != nil {
			t.Errorf("the same list: %v", err)
		}
	}
	if _, err := u.Complete(1); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("another list: %v", err)
	}
	if _, err := client.AbortMultipartUpload(ctx,
		&s3.AbortMultipartUploadInput{Bucket: &bucket, Key: aws.String("key"), UploadId: &u.ID}); err != nil {
		t.Errorf("Abort after Complete: %v", err)
	}
	proxytest.MustRead(t, client, bucket, "key", append(proxytest.RandomBytes(5*proxytest.MiB), "small"...))
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: aws.String("key"), Body: strings.NewReader("new")}); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(1, 2); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("after an overwrite: %v", err)
	}
}

func TestAbortedUploadIsGone(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket, ctx := p.Client(t), p.Env["SEALFRONT_BUCKET"], t.Context()
	u := proxytest.NewUploader(t, client, bucket, "key")
	u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
	u.Part(2, []byte("stashed"))
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != u.ID ||
		*uploads.Uploads[0].Key != "key" {
		t.Errorf("ListMultipartUploads: %+v, %v", uploads, err)
	}
	abort := &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: aws.String("key"), UploadId: &u.ID}
	for range 2 {
		if _, err := client.AbortMultipartUpload(ctx, abort); err != nil {
			t.Fatal(err)
		}
	}
	// L3: the store answers 200 to the Complete of an aborted upload when the key holds an object.
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: aws.String("key"), Body: strings.NewReader("kept")}); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(1, 2); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("Complete after Abort: %v", err)
	}
	if _, err := client.UploadPart(ctx,
		&s3.UploadPartInput{
			Bucket: &bucket, Key: aws.String("key"), UploadId: &u.ID, PartNumber: aws.Int32(1),
			Body: strings.NewReader("x"),
		}); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("UploadPart after Abort: %v", err)
	}
	if _, err := client.ListParts(ctx,
		&s3.ListPartsInput{
			Bucket: &bucket, Key: aws.String("key"),
			UploadId: &u.ID,
		}); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("ListParts after Abort: %v", err)
	}
	proxytest.MustRead(t, client, bucket, "key", []byte("kept"))
}

func TestListPartsPages(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	for n := int32(1); n <= 7; n++ {
		u.Part(n, []byte("part "+strconv.Itoa(int(n))))
	}
	var seen []string
	pages := s3.NewListPartsPaginator(client,
		&s3.ListPartsInput{Bucket: &bucket, Key: aws.String("key"), UploadId: &u.ID, MaxParts: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range page.Parts {
			seen = append(seen, fmt.Sprint(*part.PartNumber, " ", *part.Size, " ",
				*part.ETag == u.ETags[*part.PartNumber], " ", *part.ChecksumCRC32 == *u.Sums[*part.PartNumber]))
		}
	}
	if fmt.Sprint(seen) != "[1 6 true true 2 6 true true 3 6 true true 4 6 true true 5 6 true true 6 6 true true 7 6 "+
		"true true]" {
		t.Errorf("seen %v", seen)
	}
}

// DeleteBucket is refused while uploads are in progress in a directory bucket.
func TestBucketWithOpenUploadsStays(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, ctx := p.Client(t), t.Context()
	bucket := p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "key")
	if _, err := client.DeleteBucket(ctx,
		&s3.DeleteBucketInput{Bucket: &bucket}); proxytest.Code(err) != "BucketNotEmpty" {
		t.Errorf("DeleteBucket with an open upload: %v", err)
	}
	if _, err := client.AbortMultipartUpload(ctx,
		&s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &u.Key, UploadId: &u.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
}
