package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// startFaultyMigration starts a program behind a front of the store, and makes a bucket in the store past that front.
func startFaultyMigration(
	t *testing.T,
) (f *proxytest.StoreFront, p *proxytest.Program, store *s3.Client, source string) {
	t.Helper()
	f = proxytest.NewStoreFront(t)
	direct, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	store = clientOf(proxytest.Service{Endpoint: direct, AccessKey: "storekey", SecretKey: "storesecret"})
	return f, proxytest.StartBehind(t, f, ""), store,
		proxytest.MakeBucket(t, store, fmt.Sprintf("source%d", time.Now().UnixNano()))
}

func openUploads(t *testing.T, client *s3.Client, bucket string) int {
	t.Helper()
	out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// Killed in the middle, a migration leaves whole objects and no others; the next run goes on, and gives up the upload
// that was in flight.
func TestMigrateKilledAndResumed(t *testing.T) {
	t.Parallel()
	f, p, store, source := startFaultyMigration(t)
	client := p.Client(t)
	sealed := proxytest.MakeBucket(t, client, "sealed")
	bodies := map[string][]byte{}
	for i := range 12 {
		key := fmt.Sprintf("%02d", i)
		bodies[key] = proxytest.RandomBytes(100 * i)
		if _, err := store.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: &source, Key: &key, Body: bytes.NewReader(bodies[key])}); err != nil {
			t.Fatal(err)
		}
	}
	bodies["06 parts"] = proxytest.RandomBytes(10*proxytest.MiB + 5)
	upload(t, store, s3.CreateMultipartUploadInput{Bucket: &source, Key: aws.String("06 parts")},
		bodies["06 parts"][:5*proxytest.MiB], bodies["06 parts"][5*proxytest.MiB:10*proxytest.MiB],
		bodies["06 parts"][10*proxytest.MiB:])

	reached, released := make(chan struct{}), make(chan struct{})
	var hold sync.Once
	f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "sealed/06 parts") && r.URL.Query().Get("partNumber") == "2" {
			hold.Do(func() {
				close(reached)
				<-released
			})
		}
		return false
	}, nil)
	resume := filepath.Join(t.TempDir(), "resume")
	args := []string{"s3://" + source, "s3://" + sealed, "--resume", resume}
	cmd := proxytest.Command(append([]string{"migrate", "--config", p.ConfigFile(), "--concurrency", "1"}, args...)...)
	var errs proxytest.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reached:
	case <-time.After(60 * time.Second):
		t.Fatalf("the migration didn't come to the upload: %s", errs.String())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	close(released)
	done := int64(0)
	for key, body := range bodies {
		if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &sealed, Key: &key}); err == nil {
			proxytest.MustRead(t, client, sealed, key, body)
			done++
		}
	}
	if _, err := client.HeadObject(t.Context(),
		&s3.HeadObjectInput{Bucket: &sealed, Key: aws.String("06 parts")}); err == nil || done == 0 {
		t.Errorf("%d objects are there; the one in flight: %v", done, err)
	}
	var position struct{ Uploads map[string]string }
	text, err := os.ReadFile(resume)
	if err := json.Unmarshal(text, &position); err != nil || len(position.Uploads) != 1 ||
		openUploads(t, client, sealed) != 1 {
		t.Errorf("the resume file is %s, %v", text, err)
	}
	if err != nil {
		t.Fatal(err)
	}

	n := int64(len(bodies))
	r, messages, status := migrate(t, p, args...)
	if status != command.StatusOK || r.Copied != n-done || r.Equal != n {
		t.Errorf("status %d: %+v\n%s", status, r, messages)
	}
	for key, body := range bodies {
		proxytest.MustRead(t, client, sealed, key, body)
	}
	if left := openUploads(t, client, sealed); left > 0 {
		t.Errorf("%d uploads are left", left)
	}

	// One that was comparing goes on there.
	if err := os.WriteFile(resume,
		fmt.Appendf(nil, `{"walk":"migrate s3://%s/ s3://%s/, comparing","after":"08","done":10}`, source, sealed),
		0o600); err != nil {
		t.Fatal(err)
	}
	if r, messages, status := migrate(t, p, args...); status != command.StatusOK || r.Copied+r.Present > 0 ||
		r.Compared != 3 || r.Equal != 3 {
		t.Errorf("status %d: %+v\n%s", status, r, messages)
	}
}
