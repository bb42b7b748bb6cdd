//go:build !noembedded

package localstore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"sealfront/proxy/localstore"
)

// start starts a store in dir and returns a client of it.
func start(t *testing.T, dir string) (client *s3.Client, stop func()) {
	t.Helper()
	t.Chdir(t.TempDir()) // the store changes the working directory: it is put back at the end
	store, err := localstore.Start(t.Context(),
		localstore.Options{Dir: dir, AccessKey: "key", SecretKey: "secret", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + store.Address()), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}), stop
}

// codeOf is the S3 error code of err, "" for none.
func codeOf(err error) string {
	if failure, ok := errors.AsType[smithy.APIError](err); ok {
		return failure.ErrorCode()
	}
	return ""
}

// A deletion of one version and a write of the next end with the next, in whatever order they come: the deletion takes
// what its condition was about, or nothing.
func TestAConditionalDeletionTakesNoOtherVersion(t *testing.T) {
	client, _ := start(t, t.TempDir())
	ctx, bucket := t.Context(), aws.String("bucket")
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: bucket, Key: aws.String("source"), Body: strings.NewReader("new")}); err != nil {
		t.Fatal(err)
	}
	put := func(key *string, body string) (etag *string, err error) {
		out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader(body)})
		if err != nil {
			return nil, err
		}
		return out.ETag, nil
	}
	var both sync.WaitGroup
	taken := 0
	for n := range 600 {
		key := aws.String(fmt.Sprint(n % 8))
		old, err := put(key, "old")
		if err != nil {
			t.Fatal(err)
		}
		both.Go(func() {
			var err error
			if n%2 == 0 {
				_, err = put(key, "new")
			} else {
				_, err = client.CopyObject(ctx,
					&s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String("bucket/source")})
			}
			if err != nil {
				t.Error(err)
			}
		})
		_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key, IfMatch: old})
		both.Wait()
		if err == nil {
			taken++
		} else if codeOf(err) != "PreconditionFailed" {
			t.Fatal(err)
		}
		if out, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key}); err != nil ||
			aws.ToString(out.ETag) == *old {
			t.Fatalf("round %d: the new version is gone: %v", n, err)
		}
	}
	t.Logf("%d of 600 deletions were faster", taken)
}
