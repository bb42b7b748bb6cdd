package tools_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// random is n bytes, the same for the same n.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

// put puts an object, described by in.
func put(t *testing.T, c *s3.Client, bucket, key string, body []byte, in s3.PutObjectInput) {
	t.Helper()
	in.Bucket, in.Key, in.Body = &bucket, &key, bytes.NewReader(body)
	if _, err := c.PutObject(t.Context(), &in); err != nil {
		t.Fatalf("put %s/%s: %v", bucket, key, err)
	}
}

// upload makes an object of parts, described by in.
func upload(t *testing.T, c *s3.Client, bucket, key string, in s3.CreateMultipartUploadInput, parts ...[]byte) {
	t.Helper()
	in.Bucket, in.Key = &bucket, &key
	created, err := c.CreateMultipartUpload(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	var list types.CompletedMultipartUpload
	for i, part := range parts {
		number := aws.Int32(int32(i + 1))
		out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: &bucket, Key: &key, UploadId: created.UploadId, PartNumber: number, Body: bytes.NewReader(part),
			ChecksumAlgorithm: in.ChecksumAlgorithm,
		})
		if err != nil {
			t.Fatal(err)
		}
		list.Parts = append(list.Parts, types.CompletedPart{
			PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
			ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
		})
	}
	_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: created.UploadId, MultipartUpload: &list, ChecksumType: in.ChecksumType,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mustRead reads an object, which must have this body.
func mustRead(t *testing.T, c *s3.Client, bucket, key string, want []byte) *s3.GetObjectOutput {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("GET %s/%s: %v", bucket, key, err)
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("GET %s/%s: %d bytes, %v; want %d", bucket, key, len(got), err, len(want))
	}
	return out
}

func gone(t *testing.T, c *s3.Client, bucket, key string) bool {
	t.Helper()
	_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	return err != nil
}

func remove(t *testing.T, c *s3.Client, bucket, key string) {
	t.Helper()
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// A stored is an object as the store has it.
type stored struct {
	body     []byte
	metadata map[string]string // names without their prefix
}

// replace puts an object past the front and the proxy.
func (s *site) replace(bucket, key string, o *stored) {
	s.t.Helper()
	r := &store.Request{Operation: "PutObject", Method: "PUT", Bucket: bucket, Key: key, Bytes: o.body}
	if r.Bytes == nil {
		r.Bytes = []byte{}
	}
	for name, value := range o.metadata {
		r.Set(objects.UserMetadata+name, value)
	}
	s.do(r).Close()
}

func (s *site) do(r *store.Request) *store.Answer {
	s.t.Helper()
	a, err := s.direct.Do(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	if f := a.Fault(r.Operation); f != nil {
		s.t.Fatal(r.Bucket, r.Key, f)
	}
	return a
}

func uri(bucket, key string) string { return fmt.Sprintf("s3://%s/%s", bucket, key) }

func deletion(bucket, key string) *store.Request {
	return &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: bucket, Key: key}
}

func (s *site) put(bucket, key string, body []byte) {
	s.t.Helper()
	put(s.t, s.client, bucket, key, body, s3.PutObjectInput{})
}

func (s *site) stored(bucket, key string) *stored {
	s.t.Helper()
	a := s.do(&store.Request{Operation: "GetObject", Method: "GET", Bucket: bucket, Key: key})
	defer a.Close()
	o := &stored{metadata: map[string]string{}}
	a.Header(func(name, value []byte) bool {
		if short, ok := strings.CutPrefix(strings.ToLower(string(name)), objects.UserMetadata); ok {
			o.metadata[short] = string(value)
		}
		return true
	})
	var err error
	if o.body, err = a.Bytes(100 * mib); err != nil {
		s.t.Fatal(err)
	}
	return o
}
