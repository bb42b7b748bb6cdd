//go:build !noembedded

package localstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/localstore"
)

// A store that can't be started says why, and holds nothing open.
func TestStartsThatFail(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, want string }{
		"a relative path":            {"data", "is not an absolute path"},
		"a file in its place":        {file, "make the store's directory"},
		"a file in a parent's place": {filepath.Join(file, "data"), "make the store's directory"},
	} {
		s, err := localstore.Start(t.Context(),
			localstore.Options{Dir: c.dir, AccessKey: "key", SecretKey: "secret", Region: "us-east-1"})
		if err == nil || !strings.Contains(err.Error(), c.want) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	// The listener may have been faster than the end of the context.
	s, err := localstore.Start(ended,
		localstore.Options{Dir: t.TempDir(), AccessKey: "key", SecretKey: "secret", Region: "us-east-1"})
	if err == nil {
		err = errors.Join(context.Canceled, s.Close())
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// What was stored is there after the next start, put at once or in parts.
func TestObjectsOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	client, stop := start(t, dir)
	ctx, bucket, key := t.Context(), aws.String("bucket"), aws.String("dir/key")
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	upload, err := client.CreateMultipartUpload(ctx,
		&s3.CreateMultipartUploadInput{Bucket: bucket, Key: key, Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	var want []byte
	for n := range int32(2) {
		body := bytes.Repeat([]byte{byte(n)}, 5<<20)
		want = append(want, body...)
		part, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: upload.UploadId, PartNumber: aws.Int32(n + 1),
			Body: bytes.NewReader(body),
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: part.ETag, PartNumber: aws.Int32(n + 1)})
	}
	if _, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"one", "two"} {
		if _, err := client.PutObject(ctx,
			&s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader(key)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("one")}); err != nil {
		t.Error(err)
	}
	stop()
	client, _ = start(t, dir)
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	if body, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(body, want) || out.Metadata["a"] != "b" {
		t.Errorf("%d bytes, metadata %v, %v", len(body), out.Metadata, err)
	}
	page, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	if err != nil || len(page.Contents) != 2 || aws.ToString(page.Contents[1].Key) != "two" {
		t.Errorf("%+v, %v", page, err)
	}
}
