package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
	"sealfront/proxy/proxytest"
)

// A growing is an installation whose costs are counted.
type growing struct {
	t      *testing.T
	ctx    context.Context
	p      *proxytest.Program
	client *s3.Client
	bucket string
	id     string // of an upload
	// restart starts another replica, and goes on with that
	restart func()

	uploaded []types.CompletedPart
}

func keyNumber(i int) string { return fmt.Sprintf("o%04d", i) }

func (x *growing) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *growing) count(got, want int) {
	x.t.Helper()
	if got != want {
		x.t.Errorf("%d are listed, want %d", got, want)
	}
}

func (x *growing) putTo(bucket, key string, size int) {
	x.t.Helper()
	_, err := x.client.PutObject(x.ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(make([]byte, size))})
	x.must(err)
}

func (x *growing) put(key string, size int) { x.t.Helper(); x.putTo(x.bucket, key, size) }

func (x *growing) puts(n int) {
	x.t.Helper()
	for i := range n {
		x.put(keyNumber(i), 100)
	}
}

func (x *growing) gets(n int) {
	x.t.Helper()
	for i := range n {
		out, err := x.client.GetObject(x.ctx, &s3.GetObjectInput{Bucket: &x.bucket, Key: aws.String(keyNumber(i))})
		x.must(err)
		x.must(out.Body.Close())
	}
}

func (x *growing) begin(key string) (id string) {
	x.t.Helper()
	out, err := x.client.CreateMultipartUpload(x.ctx, &s3.CreateMultipartUploadInput{Bucket: &x.bucket, Key: &key})
	x.must(err)
	return *out.UploadId
}

func (x *growing) parts(key string, n, size int) {
	x.t.Helper()
	body := make([]byte, size)
	for i := range n {
		number := aws.Int32(int32(i + 1))
		out, err := x.client.UploadPart(x.ctx, &s3.UploadPartInput{
			Bucket: &x.bucket, Key: &key, UploadId: &x.id, PartNumber: number, Body: bytes.NewReader(body),
		})
		x.must(err)
		x.uploaded = append(x.uploaded, types.CompletedPart{ETag: out.ETag, PartNumber: number})
	}
}

func (x *growing) complete(key string) {
	x.t.Helper()
	_, err := x.client.CompleteMultipartUpload(x.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &x.bucket, Key: &key, UploadId: &x.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: x.uploaded},
	})
	x.must(err)
}

func (x *growing) deletes(n int, conditional bool) {
	x.t.Helper()
	var list []types.ObjectIdentifier
	for i := range n {
		o := types.ObjectIdentifier{Key: aws.String(keyNumber(i))}
		if conditional {
			o.Size = aws.Int64(100)
		}
		list = append(list, o)
	}
	out, err := x.client.DeleteObjects(x.ctx,
		&s3.DeleteObjectsInput{Bucket: &x.bucket, Delete: &types.Delete{Objects: list}})
	x.must(err)
	x.count(len(out.Deleted), n)
}

func bucketNumber(i int) string { return fmt.Sprintf("growing-%03d", i) }

func (x *growing) buckets(n int) {
	x.t.Helper()
	for i := range n {
		_, err := x.client.CreateBucket(x.ctx, &s3.CreateBucketInput{
			Bucket: aws.String(bucketNumber(i)), CreateBucketConfiguration: &types.CreateBucketConfiguration{
				LocationConstraint: types.BucketLocationConstraintUsWest2,
			},
		})
		x.must(err)
	}
}

func (x *growing) putInEach(n int) {
	x.t.Helper()
	for i := range n {
		x.putTo(bucketNumber(i), "k", 10)
	}
}

func (x *growing) getFromEach(n int) {
	x.t.Helper()
	for i := range n {
		out, err := x.client.GetObject(x.ctx, &s3.GetObjectInput{Bucket: aws.String(bucketNumber(i)), Key: aws.String("k")})
		x.must(err)
		x.must(out.Body.Close())
	}
}

func (x *growing) session() {
	x.t.Helper()
	_, err := x.client.CreateSession(x.ctx, &s3.CreateSessionInput{Bucket: &x.bucket})
	x.must(err)
}

// startGrowing starts a program as one of several replicas, on a store in memory of its own.
func startGrowing(t *testing.T) *growing {
	s, err := memstore.Start(memstore.Options{AccessKey: "a", SecretKey: "s", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k, dir := proxytest.NewFaultyKMS(t), t.TempDir()
	authority := proxytest.WriteCertificates(t, dir)
	x := &growing{t: t, ctx: t.Context(), bucket: "growing--az1--x-s3"}
	x.restart = func() {
		x.p = proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: "http://%s", region: us-east-1, access_key: a, secret_key: s}
kms: {kind: aws, endpoint: %q, region: us-west-2, access_key: %q, secret_key: %q, service_key: %q}
general_purpose: {default_encryption: "aws:kms"}
tls: {cert: "%[6]s/server.pem", key: "%[6]s/server.key"}
`, s.Address(), k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, k.ServiceKey, dir),
			proxytest.RecordLife(time.Hour), proxytest.ClaimAge(time.Hour))
		x.p.Env["AWS_CA_BUNDLE"] = authority
		x.client = x.p.Client(t)
	}
	x.restart()
	_, err = x.client.CreateBucket(x.ctx, &s3.CreateBucketInput{
		Bucket: &x.bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Bucket: &types.BucketInfo{
				Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			},
			Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("az1")},
		},
	})
	x.must(err)
	_, err = x.client.PutBucketEncryption(x.ctx, &s3.PutBucketEncryptionInput{
		Bucket: &x.bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{
				BucketKeyEnabled: aws.Bool(true),
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(k.MakeKey(t)),
				},
			}},
		},
	})
	x.must(err)
	return x
}
