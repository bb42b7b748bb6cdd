package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

func TestObjectsOfEverySizeComeBackThroughASession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	ctx := t.Context()
	bucket, key := p.Env["SEALFRONT_BUCKET"], p.Env["SEALFRONT_KMS_KEY"]
	check := func(client *s3.Client, n int) {
		t.Helper()
		name := "dir/object-" + strconv.Itoa(n)
		body := proxytest.RandomBytes(n)
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &name})
		if err != nil {
			t.Fatalf("HEAD of %d bytes: %v", n, err)
		}
		if *head.ContentLength != int64(n) || head.ServerSideEncryption != types.ServerSideEncryptionAwsKms ||
			aws.ToString(head.SSEKMSKeyId) != key || !aws.ToBool(head.BucketKeyEnabled) {
			t.Errorf("HEAD of %d bytes: length %d, %s under %s", n, *head.ContentLength, head.ServerSideEncryption,
				aws.ToString(head.SSEKMSKeyId))
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &name})
		if err != nil {
			t.Fatalf("GET of %d bytes: %v", n, err)
		}
		read, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(read, body) {
			t.Errorf("GET of %d bytes: %d bytes, %v; sums %x and %x", n, len(read), err, sha256.Sum256(read),
				sha256.Sum256(body))
		}
	}
	client := p.Client(t)
	for _, n := range proxytest.EdgeSizes {
		name := "dir/object-" + strconv.Itoa(n)
		put, err := client.PutObject(ctx,
			&s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: bytes.NewReader(proxytest.RandomBytes(n))})
		if err != nil {
			t.Fatalf("PUT of %d bytes: %v", n, err)
		}
		if put.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(put.SSEKMSKeyId) != key ||
			aws.ToString(put.ChecksumCRC32) == "" {
			t.Errorf("PUT of %d bytes: %s under %s, checksum %q", n, put.ServerSideEncryption,
				aws.ToString(put.SSEKMSKeyId), aws.ToString(put.ChecksumCRC32))
		}
		check(client, n)
	}
	sizes := make(map[string]int64)
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			sizes[*o.Key] = *o.Size
		}
	}
	for _, n := range proxytest.EdgeSizes {
		if size, ok := sizes["dir/object-"+strconv.Itoa(n)]; !ok || size != int64(n) {
			t.Errorf("the listing says %d (%t) for %d bytes", size, ok, n)
		}
	}

	// A second start on the same directory finds everything.
	before := p.Env
	if status := p.Stop(); status != 0 {
		t.Errorf("exit status %d after SIGTERM", status)
	}
	p = proxytest.StartEmbedded(t, dir)
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE", "AWS_REGION",
		"SEALFRONT_BUCKET", "SEALFRONT_KMS_KEY",
	} {
		if p.Env[name] != before[name] || p.Env[name] == "" {
			t.Errorf("%s was %q and is %q after a restart", name, before[name], p.Env[name])
		}
	}
	client = p.Client(t)
	for _, n := range proxytest.EdgeSizes {
		check(client, n)
	}
}

func TestW2RangesAreSlices(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket, name := p.Env["SEALFRONT_BUCKET"], "object"
	client := p.Client(t)
	body := proxytest.RandomBytes(300_000)
	if _, err := client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string][]byte{
		"bytes=0-0": body[:1], "bytes=65535-65536": body[65535:65537], "bytes=65536-": body[65536:],
		"bytes=131072-131072": body[131072:131073],
		"bytes=-1":            body[299_999:], "bytes=-400000": body, "bytes=299999-": body[299_999:],
		"bytes=10-999999999": body[10:], "bytes=0-": body,
	} {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name, Range: &value})
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes (%v), want %d", value, len(got), err, len(want))
		}
		if out.ContentRange == nil {
			t.Errorf("%s: no Content-Range", value)
		}
	}
	for _, value := range []string{"bytes=300000-", "bytes=300001-300002", "bytes=999999999-", "bytes=-0"} {
		_, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name, Range: &value})
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != "InvalidRange" {
			t.Errorf("%s: %v, want InvalidRange", value, err)
		}
	}
	for _, value := range []string{"bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6"} {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name, Range: &value})
		if err != nil || *out.ContentLength != int64(len(body)) {
			t.Errorf("%s: %v, want the whole object", value, err)
		}
	}
}

func TestANewDirectoryBucketIsUsableAtOnce(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	ctx := t.Context()
	client := p.Client(t)
	bucket, key := "made--usw2-az1--x-s3", "object"
	// The SDK asks for a session of the bucket before it exists (REG-2), and keeps it for what follows (REG-4).
	if _, err := client.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
			Bucket: &types.BucketInfo{
				DataRedundancy: types.DataRedundancySingleAvailabilityZone,
				Type:           types.BucketTypeDirectory,
			},
		}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutBucketEncryption(ctx,
		&s3.PutBucketEncryptionInput{
			Bucket: &bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(p.Env["SEALFRONT_KMS_KEY"]),
				}}},
			},
		}); err != nil {
		t.Fatal(err)
	}
	put, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("hello"))})
	if err != nil {
		t.Fatal(err)
	}
	if put.ServerSideEncryption != types.ServerSideEncryptionAwsKms {
		t.Errorf("sealed as %s right after PutBucketEncryption", put.ServerSideEncryption)
	}
	got, err := client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket})
	if err != nil ||
		*got.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID != p.Env["SEALFRONT_KMS_KEY"] {
		t.Errorf("GetBucketEncryption: %+v, %v", got, err)
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err == nil {
		t.Error("a bucket with an object was deleted")
	}
	if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("hello"))}); err == nil {
		t.Error("an object was put into a deleted bucket")
	}
	buckets, err := p.Client(t,
		func(o *s3.Options) { o.DisableS3ExpressSessionAuth = aws.Bool(true) }).ListDirectoryBuckets(ctx,
		&s3.ListDirectoryBucketsInput{})
	if err != nil || len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != p.Env["SEALFRONT_BUCKET"] {
		t.Errorf("ListDirectoryBuckets: %+v, %v", buckets, err)
	}
}

func TestVirtualHostStyle(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/dir/key", Body: "hello"})
	if a.StatusCode != 200 {
		t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
	}
	got := p.Do(&proxytest.Request{Method: "GET", Path: "/dir/key", Host: bucket + ".localhost"})
	if got.StatusCode != 200 || got.Text != "hello" {
		t.Errorf("GET by host: %d %q", got.StatusCode, got.Text)
	}
}
