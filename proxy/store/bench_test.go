package store_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// BenchmarkHead is what writing and signing a request's head costs. Its floor is sigv4's BenchmarkSignStoreRequest.
func BenchmarkHead(b *testing.B) {
	c, err := store.New(store.Options{Endpoint: "http://127.0.0.1:7070", Region: "us-east-1"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	cred := &sigv4.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	put := &store.Request{
		Operation: "PutObject", Method: "PUT", Bucket: "demo--local-az1--x-s3", Key: "dir/a key",
		Length: 4432,
	}
	put.Set("content-type", "application/octet-stream")
	put.Set("x-amz-meta-owner", "somebody")
	put.Set("x-amz-meta-sealfront", strings.Repeat("e", 600))
	get := &store.Request{Operation: "GetObject", Method: "GET", Bucket: "demo--local-az1--x-s3", Key: "dir/a key"}
	get.Set("Range", "bytes=0-65551")
	for _, r := range []*store.Request{put, get} {
		b.Run(r.Operation, func(b *testing.B) {
			var head []byte
			b.ReportAllocs()
			for b.Loop() {
				head = c.AppendHead(head[:0], r, cred, now)
			}
		})
	}
}
