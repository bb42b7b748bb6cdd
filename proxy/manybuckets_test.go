package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"sealfront/proxy/memstore"
	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestTenThousandBuckets goes through very many buckets in turn, at default settings: the second round calls no KMS,
// and the process stays small, although the key service is in it. Without SEALFRONT_E2E=require they are two thousand.
func TestTenThousandBuckets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	buckets, mostMemory := 2_000, 150<<20
	if os.Getenv("SEALFRONT_E2E") == "require" {
		buckets = 10_000
	}
	stored, err := memstore.Start(memstore.Options{
		AccessKey: "storekey", SecretKey: "storesecret", Region: "us-east-1", MaxBytes: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stored.Close() })
	p := proxytest.StartConfigured(t, t.TempDir(), fmt.Sprintf("log: {level: warn}\nstore: "+
		"{kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret}", "http://"+stored.Address()),
		proxytest.As(proxytest.Processes))
	c, ctx := p.Client(t), t.Context()
	key := p.Env["SEALFRONT_KMS_KEY"]
	inTurn := func(visit func(bucket *string) error) {
		next := make(chan int)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for i := range next {
					if err := visit(aws.String(fmt.Sprintf("bucket-%05d", i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := 0; i < buckets && !t.Failed(); i++ {
			next <- i
		}
		close(next)
		workers.Wait()
	}
	putAndGet := func(bucket *string) error {
		if _, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: aws.String("object"), Body: strings.NewReader("plain text"),
			ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key, BucketKeyEnabled: aws.Bool(true),
		}); err != nil {
			return err
		}
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("object")})
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, out.Body)
		_ = out.Body.Close()
		return err
	}
	inTurn(func(bucket *string) error {
		_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
		return err
	})
	for round, want := range []int{buckets, 0} {
		generate, decrypt := p.KMSCalls(func() { inTurn(putAndGet) })
		memory := p.Metric("process_resident_memory_bytes")
		t.Logf("round %d: %d GenerateDataKey, %d Decrypt, %d MiB", round+1, generate, decrypt, memory>>20)
		if generate != want || decrypt != 0 {
			t.Errorf("round %d took %d GenerateDataKey and %d Decrypt, want %d and 0", round+1, generate, decrypt, want)
		}
		if memory > mostMemory {
			t.Errorf("round %d: %d bytes of memory, want %d at most", round+1, memory, mostMemory)
		}
	}
	for _, table := range []string{"opening", "sealing"} {
		if n := p.Metric("sealfront_bucket_key_entries", `table="`+table+`"`); n != buckets {
			t.Errorf("%d entries for %s", n, table)
		}
	}
	if n := p.Metric("sealfront_bucket_key_evictions_total"); n != 0 {
		t.Errorf("%d bucket keys made room", n)
	}
}
