package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const memoryAccess, memorySecret = "AKIALOADTEST", "load test secret"

// startMemory starts the program with the memory store, the embedded key service and these settings of store.memory.
func startMemory(t *testing.T, settings string) *proxytest.Program {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sealfront.yaml")
	text := `listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: memory, memory: {` + settings + `}}
kms: {kind: embedded}
data: data
log: {format: console}
identities:
  - {name: load, access_key: ` + memoryAccess + `, secret_key: "` + memorySecret +
		`", policy: [{effect: Allow, action: ["*"], resource: ["*"]}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := proxytest.Start(t, "serve", "--config", file)
	p.Env["AWS_CA_BUNDLE"] = filepath.Join(dir, "data", "tls", "ca.pem")
	p.Env["AWS_ACCESS_KEY_ID"], p.Env["AWS_SECRET_ACCESS_KEY"], p.Env["AWS_REGION"] = memoryAccess, memorySecret, "us-west-2"
	return p
}

// A client's journey to a directory bucket in memory, with sessions as SDKs make them.
func TestTheMemoryStoreServesClients(t *testing.T) {
	t.Parallel()
	p := startMemory(t, "max_bytes: 64MiB")
	c, ctx, bucket := p.Client(t), t.Context(), aws.String(proxytest.DemoBucket)
	read := func(key, span string) []byte {
		in := &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)}
		if span != "" {
			in.Range = aws.String(span)
		}
		out, err := c.GetObject(ctx, in)
		if err != nil {
			t.Errorf("get %s %s: %v", key, span, err)
			return nil
		}
		body, err := io.ReadAll(out.Body)
		_ = out.Body.Close()
		if err != nil {
			t.Errorf("get %s %s: %v", key, span, err)
		}
		return body
	}
	for _, n := range []int{0, 1, 4 << 10, 64<<10 + 1, 3<<20 + 5} {
		body, key := bytes.Repeat([]byte("plain text "), n/11+1)[:n], fmt.Sprint("sizes/", n)
		if _, err := c.PutObject(ctx,
			&s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(key, ""), body) {
			t.Errorf("%d bytes came back as others", n)
		}
		if n > 70_000 && !bytes.Equal(read(key, "bytes=65530-65540"), body[65530:65541]) {
			t.Error("a range came back as other bytes")
		}
	}
	part := bytes.Repeat([]byte("p"), 5<<20)
	u, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i, body := range [][]byte{part, []byte("end")} {
		out, err := c.UploadPart(ctx,
			&s3.UploadPartInput{
				Bucket: bucket, Key: aws.String("parts"), UploadId: u.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(body),
			})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts,
			types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	if _, err := c.CompleteMultipartUpload(ctx,
		&s3.CompleteMultipartUploadInput{
			Bucket: bucket, Key: aws.String("parts"), UploadId: u.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CopyObject(ctx,
		&s3.CopyObjectInput{
			Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(proxytest.DemoBucket + "/parts"),
		}); err != nil {
		t.Fatal(err)
	}
	if got := read("copy", "bytes=5242878-"); string(got) != "ppend" {
		t.Errorf("the copy's end is %q", got)
	}
	_, err = c.PutObject(ctx,
		&s3.PutObjectInput{
			Bucket: bucket, Key: aws.String("copy"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*"),
		})
	wantStatus(t, "a conditional PUT", err, http.StatusPreconditionFailed)
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	if err != nil || len(list.Contents) != 7 {
		t.Errorf("ListObjectsV2: %d objects, %v", len(list.Contents), err)
	}
	for _, o := range list.Contents {
		if n, found := strings.CutPrefix(aws.ToString(o.Key), "sizes/"); found && n != fmt.Sprint(aws.ToInt64(o.Size)) {
			t.Errorf("%s is listed with %d bytes", aws.ToString(o.Key), aws.ToInt64(o.Size))
		}
	}
	// What the store has no room for is 503, and an object is lost by it neither here nor there.
	for i := range 12 {
		_, err = c.PutObject(ctx,
			&s3.PutObjectInput{
				Bucket: bucket, Key: aws.String(fmt.Sprint("fill/", i)), Body: bytes.NewReader(bytes.Repeat(part, 2)),
			})
		if err != nil {
			break
		}
	}
	wantStatus(t, "a full store", err, http.StatusServiceUnavailable)
	if len(read("fill/0", "")) != 10<<20 {
		t.Error("an object was lost when the store was full")
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("fill/0")}); err != nil {
		t.Error(err)
	}
	if _, err := c.PutObject(ctx,
		&s3.PutObjectInput{Bucket: bucket, Key: aws.String("again"), Body: bytes.NewReader(part)}); err != nil {
		t.Errorf("a store with room again: %v", err)
	}
	if !strings.Contains(p.Stderr.String(), "nothing is missing") {
		t.Errorf("the probe found the memory store lacking:\n%s", p.Stderr.String())
	}
}

func TestTheMemoryStoreMakesTrouble(t *testing.T) {
	t.Parallel()
	t.Run("throttling", func(t *testing.T) {
		t.Parallel()
		p := startMemory(t, "throttle: 1")
		var slow atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				switch a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + proxytest.DemoBucket + "/k"}); a.Code() {
				case "SlowDown":
					slow.Add(1)
				case "NoSuchKey":
				default:
					t.Errorf("GET: %d %s", a.StatusCode, a.Text)
				}
			})
		}
		all.Wait()
		if slow.Load() == 0 {
			t.Error("none of 16 requests at once was throttled at one a second")
		}
	})
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		p := startMemory(t, "error_rate: 1, latency: {p50: 1ms, p99: 2ms}")
		for range 4 {
			if a := p.Do(&proxytest.Request{
				Method: "PUT", Path: "/" + proxytest.DemoBucket + "/k", Body: "x",
			}); a.Code() != "ServiceUnavailable" && a.Code() != "InternalError" {
				t.Errorf("PUT: %d %s", a.StatusCode, a.Text)
			}
		}
	})
	t.Run("other programs", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "sealfront.yaml")
		text := "listen: {https: \"127.0.0.1:0\"}\nstore: {kind: memory}\nkms: {kind: embedded}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := proxytest.Command("explain", "--config", file, "--operation", "GetObject", "--bucket",
			"b").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "store.kind: a memory store is part of the running server") {
			t.Errorf("a tool on a memory store: %v\n%s", err, out)
		}
	})
}

// statusOf is the HTTP status that an error of the SDK rests on, 0 if there is none.
func statusOf(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func wantStatus(t *testing.T, what string, err error, status int) {
	t.Helper()
	if got := statusOf(err); got != status {
		t.Errorf("%s: %v, want %d", what, err, status)
	}
}
