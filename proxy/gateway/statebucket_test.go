package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// L14: a store without conditional PUT is refused, unless the operator says that there is a single writer.
func TestL14AStoreWithoutConditionalPutIsRefused(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		return false
	}, func(r *http.Response) {
		// as if the condition had been ignored
		if r.StatusCode == http.StatusPreconditionFailed && r.Request.Method == "PUT" {
			r.StatusCode = http.StatusOK
			r.Body = io.NopCloser(strings.NewReader(""))
			r.ContentLength = 0
			r.Header.Set("Content-Length", "0")
		}
	})
	dir := t.TempDir()
	text := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: l14-, state_bucket: l14-state, single_writer: SINGLE}
kms: {kind: embedded}
data: %s
`, f.URL, dir)
	out, err := proxytest.Command("serve", "--config",
		proxytest.WriteConfig(t, strings.Replace(text, "SINGLE", "false", 1)+proxytest.Identity)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "single_writer") {
		t.Errorf("a store without conditional PUT: %v\n%s", err, out)
	}
	f.Set(nil, f.Alter)
	p := proxytest.StartWith(t, strings.Replace(text, "SINGLE", "true", 1))
	if p.Env["AWS_ENDPOINT_URL"] == "" {
		t.Error("not started with single_writer")
	}
	// What it would ignore is refused, and nothing is stored.
	proxytest.MakeBucket(t, p.Client(t), "general")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general/source", Body: "x"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	for name, header := range map[string][]sigv4.Field{
		"PutObject":  {proxytest.Field("If-None-Match", "*")},
		"with ETag":  {proxytest.Field("If-Match", `"sf-x"`)},
		"CopyObject": {proxytest.Field("If-None-Match", "*"), proxytest.Field("X-Amz-Copy-Source", "general/source")},
	} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general/key", Header: header}); a.StatusCode != 501 ||
			a.Code() != "NotImplemented" {
			t.Errorf("%s with a condition: %d %s, want 501 NotImplemented", name, a.StatusCode, a.Code())
		}
	}
	p.MustNotExist("general", "key")
}

// Ceph 16 takes an If-None-Match on PUT and refuses every If-Match, also one that holds. A single writer's records are
// written without the store's conditions, and its conditions still hold.
func TestSingleWriterOnAStoreThatRefusesIfMatch(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || r.Header.Get("If-Match") == "" {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusPreconditionFailed)
		return true
	}, nil)
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: ceph16-, state_bucket: ceph16-state, single_writer: true}
kms: {kind: embedded}
data: %s
`, f.URL, t.TempDir()))
	f.Seen()
	client := p.Client(t)
	bucket := proxytest.MakeBucket(t, client, "records")
	for range 2 { // the second replaces a record
		if _, err := client.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
			Bucket: &bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAes256,
				},
			}}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	var answers sync.WaitGroup
	var made atomic.Int32
	for range 8 { // of those that make one bucket at once, one succeeds
		answers.Go(func() {
			if _, err := client.CreateBucket(t.Context(),
				&s3.CreateBucketInput{Bucket: aws.String("contested")}); err == nil {
				made.Add(1)
			}
		})
	}
	answers.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("%d of 8 made the same bucket, want 1", n)
	}
	if _, err := client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: &bucket, Key: aws.String("key"), Body: strings.NewReader("body")}); err != nil {
		t.Fatal(err)
	}
	// Without a condition it could replace a newer object.
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/records/key", Header: []sigv4.Field{
		proxytest.Field("X-Amz-Copy-Source", "records/key"), proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("X-Amz-Meta-A", "b"),
	}}); a.StatusCode != 501 || a.Code() != "NotImplemented" {
		t.Errorf("a copy onto itself: %d %s, want 501 NotImplemented", a.StatusCode, a.Code())
	}
	if _, err := client.DeleteObject(t.Context(),
		&s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("key")}); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
	for _, r := range f.Seen() {
		if r.Method == "PUT" && r.Header.Get("If-Match")+r.Header.Get("If-None-Match") != "" {
			t.Errorf("%s was sent with a condition", r.URL.Path)
		}
	}
}

// Of replicas that start at once one makes the state bucket, and the store may answer another with any fault. It starts
// when the bucket is there, and doesn't when it isn't.
func TestStateBucketMadeByAnotherReplica(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	const text = `
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: raced-, state_bucket: %s}
kms: {kind: embedded}
data: %s
`
	var refused atomic.Int32
	fails := func(made bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != "PUT" || strings.Trim(r.URL.Path, "/") != "raced-state" {
				return false
			}
			if made {
				f.Forward.ServeHTTP(httptest.NewRecorder(), r)
			}
			refused.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "<Error><Code>InternalError</Code></Error>")
			return true
		}
	}
	dir := t.TempDir()
	config := fmt.Sprintf(text, f.URL, "raced-state", dir)
	f.Set(fails(false), nil)
	out, err := proxytest.Command("serve", "--config",
		proxytest.WriteConfig(t, config+proxytest.Identity)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "CreateBucket with 500 InternalError") || refused.Load() == 0 {
		t.Fatalf("a state bucket that can't be made: %v\n%s", err, out)
	}
	refused.Store(0)
	f.Set(fails(true), nil)
	proxytest.StartWith(t, config)
	if refused.Load() == 0 {
		t.Error("the state bucket was not made by this start")
	}
}
