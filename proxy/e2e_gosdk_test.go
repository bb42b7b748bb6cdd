package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func journeyOfGoSDK(t *testing.T, j *journey) {
	ctx, kmsKey, client := t.Context(), j.p.Env["SEALFRONT_KMS_KEY"], j.p.Client(t)
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	sealed := func(what string, sse types.ServerSideEncryption, keyID *string) {
		t.Helper()
		if sse != types.ServerSideEncryptionAwsKms || aws.ToString(keyID) != kmsKey {
			t.Errorf("%s: %s under %s", what, sse, aws.ToString(keyID))
		}
	}

	_, err := client.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: &j.bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
			Bucket: &types.BucketInfo{
				DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory,
			},
		}})
	must("CreateBucket", err)
	_, err = client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &j.bucket,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &kmsKey,
			},
		}}},
	})
	must("PutBucketEncryption", err)
	for _, n := range j.sizes {
		body, err := os.ReadFile(j.file(n))
		must("the file", err)
		put, err := client.PutObject(ctx,
			&s3.PutObjectInput{Bucket: &j.bucket, Key: aws.String(key(n)), Body: bytes.NewReader(body)})
		must("PUT", err)
		sealed("PUT", put.ServerSideEncryption, put.SSEKMSKeyId)
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &j.bucket, Key: aws.String(key(n))})
		must("HEAD", err)
		sealed("HEAD", head.ServerSideEncryption, head.SSEKMSKeyId)
		if aws.ToInt64(head.ContentLength) != int64(n) {
			t.Errorf("HEAD of %d bytes: %d", n, aws.ToInt64(head.ContentLength))
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &j.bucket, Key: aws.String(key(n))})
		must("GET", err)
		sealed("GET", got.ServerSideEncryption, got.SSEKMSKeyId)
		read, err := io.ReadAll(got.Body)
		must("GET's body", err)
		if !bytes.Equal(read, body) {
			t.Errorf("GET of %d bytes: other bytes", n)
		}
	}
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &j.bucket})
	must("ListObjectsV2", err)
	listed := map[string]int64{}
	for _, o := range list.Contents {
		listed[*o.Key] = *o.Size
	}
	for _, n := range j.sizes {
		if size, ok := listed[key(n)]; !ok || size != int64(n) {
			t.Errorf("the listing says %d (%t) for %d bytes", size, ok, n)
		}
		_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &j.bucket, Key: aws.String(key(n))})
		must("DELETE", err)
	}
	stranger := j.p.Client(t, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(j.p.Env["AWS_ACCESS_KEY_ID"], "wrong", "")
	})
	_, err = stranger.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &j.bucket})
	// The SDK hides a failed CreateSession's error in a text.
	if err == nil || !strings.Contains(err.Error(), "StatusCode: 403") ||
		!strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("with a wrong secret: %v", err)
	}
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &j.bucket})
	must("DeleteBucket", err)
}
