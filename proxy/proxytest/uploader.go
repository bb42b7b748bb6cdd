package proxytest

import (
	"bytes"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// CopyPart copies a part into an upload; an empty span is the whole source.
func (u *Uploader) CopyPart(number int32, source, span string) error {
	u.t.Helper()
	in := &s3.UploadPartCopyInput{
		Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: &number, CopySource: &source,
	}
	if span != "" {
		in.CopySourceRange = &span
	}
	out, err := u.Client.UploadPartCopy(u.t.Context(), in)
	if err != nil {
		return err
	}
	if out.CopyPartResult.LastModified == nil {
		u.t.Error("no date in the result")
	}
	u.ETags[number], u.Sums[number] = *out.CopyPartResult.ETag, out.CopyPartResult.ChecksumCRC32
	return nil
}

// An Uploader drives one multipart upload through a client.
type Uploader struct {
	t           testing.TB
	Client      *s3.Client
	Bucket, Key string
	ID          string
	mu          sync.Mutex
	ETags       map[int32]string
	Sums        map[int32]*string
}

// NewUploader begins an upload with a composite checksum.
func NewUploader(t testing.TB, client *s3.Client, bucket, key string) *Uploader {
	t.Helper()
	return NewUploaderOf(t, client, bucket, key, types.ChecksumTypeComposite)
}

// NewUploaderOf begins an upload with a checksum of this type. With a composite one, part numbers have no gaps.
func NewUploaderOf(t testing.TB, client *s3.Client, bucket, key string, kind types.ChecksumType) *Uploader {
	t.Helper()
	out, err := client.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{
			Bucket: &bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: kind,
			Metadata: map[string]string{"name": "value"},
		})
	if err != nil {
		t.Fatal(err)
	}
	return &Uploader{
		t: t, Client: client, Bucket: bucket, Key: key, ID: *out.UploadId, ETags: make(map[int32]string),
		Sums: make(map[int32]*string),
	}
}

// Part uploads a part. Parts may be uploaded at the same time.
func (u *Uploader) Part(number int32, body []byte) {
	u.t.Helper()
	out, err := u.Client.UploadPart(u.t.Context(),
		&s3.UploadPartInput{
			Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: &number, Body: bytes.NewReader(body),
		})
	if err != nil {
		u.t.Errorf("part %d: %v", number, err)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ETags[number], u.Sums[number] = *out.ETag, out.ChecksumCRC32
}

// List names these parts, as they are completed.
func (u *Uploader) List(numbers ...int32) *types.CompletedMultipartUpload {
	var list types.CompletedMultipartUpload
	for _, n := range numbers {
		list.Parts = append(list.Parts,
			types.CompletedPart{PartNumber: aws.Int32(n), ETag: aws.String(u.ETags[n]), ChecksumCRC32: u.Sums[n]})
	}
	return &list
}

// Complete completes the upload of these parts.
func (u *Uploader) Complete(numbers ...int32) (*s3.CompleteMultipartUploadOutput, error) {
	return u.Client.CompleteMultipartUpload(u.t.Context(),
		&s3.CompleteMultipartUploadInput{
			Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID, MultipartUpload: u.List(numbers...),
		})
}
