//go:build !noembedded

package localstore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What a process that ended in the middle of a replacement has left is neither shown nor kept, and nobody can make an
// object of such a name.
func TestHalfDoneReplacementsAreNobodys(t *testing.T) {
	dir := t.TempDir()
	client, stop := start(t, dir)
	ctx, bucket := t.Context(), aws.String("bucket")
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	put := func(key string) error {
		_, err := client.PutObject(ctx,
			&s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("body")})
		return err
	}
	keys := []string{"dir/key", "dir/.key.sgwtmp.", "dir/.key.sgwtmp.1x", "key.sgwtmp.1", "dir/.key.sgwtmp.1/below"}
	for _, key := range keys {
		if err := put(key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range []string{".key.sgwtmp.1", "dir/.key.sgwtmp.1795451675561647572", ".a.sgwtmp.2.sgwtmp.1"} {
		if code := codeOf(put(key)); code != "InvalidURI" {
			t.Errorf("%s: %q", key, code)
		}
		if _, err := client.CreateMultipartUpload(ctx,
			&s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String(key)}); codeOf(err) != "InvalidURI" {
			t.Errorf("an upload of %s: %v", key, err)
		}
		if _, err := client.CopyObject(ctx,
			&s3.CopyObjectInput{
				Bucket: bucket, Key: aws.String(key),
				CopySource: aws.String("bucket/dir/key"),
			}); codeOf(err) != "InvalidURI" {
			t.Errorf("a copy to %s: %v", key, err)
		}
	}

	left := func(age time.Duration) string {
		path := filepath.Join(dir, "objects", "bucket", "dir",
			fmt.Sprintf(".key.sgwtmp.%d", time.Now().Add(-age).UnixNano()))
		if err := os.Link(filepath.Join(dir, "objects", "bucket", "dir", "key"), path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	young, old := left(0), left(time.Hour)
	listed := func() int {
		page, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
		if err != nil {
			t.Fatal(err)
		}
		first, err := client.ListObjects(ctx, &s3.ListObjectsInput{Bucket: bucket})
		if err != nil || len(first.Contents) != len(page.Contents) || int(*page.KeyCount) != len(page.Contents) {
			t.Errorf("%d and %d keys, count %d, %v", len(first.Contents), len(page.Contents), *page.KeyCount, err)
		}
		return len(page.Contents)
	}
	if n := listed(); n != len(keys) {
		t.Errorf("%d keys listed, want %d", n, len(keys))
	}
	stop()
	client, _ = start(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one, which another process may be about to rename: %v", err)
	}
	if n := listed(); n != len(keys) {
		t.Errorf("%d keys listed after the start, want %d", n, len(keys))
	}
}
