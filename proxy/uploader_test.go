package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// code returns the S3 error code of an SDK error.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// An uploader drives one multipart upload through a client.
type uploader struct {
	t           *testing.T
	client      *s3.Client
	bucket, key string
	id          string
	mu          sync.Mutex
	etags       map[int32]string
	sums        map[int32]*string
}

func newUploader(t *testing.T, client *s3.Client, bucket, key string) *uploader {
	t.Helper()
	return newUploaderOf(t, client, bucket, key, types.ChecksumTypeComposite)
}

// newUploaderOf begins an upload with a checksum of this type. With a composite one, part numbers have no gaps.
func newUploaderOf(t *testing.T, client *s3.Client, bucket, key string, kind types.ChecksumType) *uploader {
	t.Helper()
	out, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: kind, Metadata: map[string]string{"name": "value"}})
	if err != nil {
		t.Fatal(err)
	}
	return &uploader{t: t, client: client, bucket: bucket, key: key, id: *out.UploadId, etags: make(map[int32]string), sums: make(map[int32]*string)}
}

func (u *uploader) part(number int32, body []byte) {
	u.t.Helper()
	out, err := u.client.UploadPart(u.t.Context(), &s3.UploadPartInput{Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number, Body: bytes.NewReader(body)})
	if err != nil {
		u.t.Errorf("part %d: %v", number, err)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.etags[number], u.sums[number] = *out.ETag, out.ChecksumCRC32
}

func (u *uploader) list(numbers ...int32) *types.CompletedMultipartUpload {
	var list types.CompletedMultipartUpload
	for _, n := range numbers {
		list.Parts = append(list.Parts, types.CompletedPart{PartNumber: aws.Int32(n), ETag: aws.String(u.etags[n]), ChecksumCRC32: u.sums[n]})
	}
	return &list
}

func (u *uploader) complete(numbers ...int32) (*s3.CompleteMultipartUploadOutput, error) {
	return u.client.CompleteMultipartUpload(u.t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, MultipartUpload: u.list(numbers...)})
}

func mustRead(t *testing.T, client *s3.Client, bucket, key string, want []byte) *s3.GetObjectOutput {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("GET %s: %v", key, err)
	}
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("GET %s: %d bytes (%x), %v; want %d (%x)", key, len(got), sha256.Sum256(got), err, len(want), sha256.Sum256(want))
	}
	return out
}

func makeBucket(t *testing.T, client *s3.Client, bucket string) string {
	t.Helper()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return bucket
}
