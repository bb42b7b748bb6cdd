package memstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"sealfront/proxy/memstore"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

const (
	accessKey = "AKIDMEMORY"
	secretKey = "a secret"
	region    = "us-east-1"
	bucket    = "things"
)

// start serves a store with one bucket.
func start(t testing.TB, o memstore.Options) (*memstore.Store, *s3.Client) {
	t.Helper()
	o.AccessKey, o.SecretKey, o.Region = accessKey, secretKey, region
	s, err := memstore.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String("http://" + s.Address()), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// client is the proxy's own client of stores.
func client(t testing.TB, s *memstore.Store) *store.Client {
	t.Helper()
	c, err := store.New(store.Options{
		Endpoint: "http://" + s.Address(), Region: region,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// random is n bytes, the same for the same n.
func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b)
	return b
}

func put(t testing.TB, c *s3.Client, key string, body []byte) string {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ETag)
}

func get(t testing.TB, c *s3.Client, key, span string) []byte {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if span != "" {
		in.Range = aws.String(span)
	}
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatalf("GET %s %s: %v", key, span, err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// wantCode checks that err is S3's error of this code.
func wantCode(t testing.TB, what string, err error, code string) {
	t.Helper()
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}
