package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// startFaultyMigration starts a program behind a front of the store, and makes a bucket in the store past that front.
func startFaultyMigration(t *testing.T) (f *proxytest.StoreFront, p *proxytest.Program, store *s3.Client, source string) {
	t.Helper()
	f = proxytest.NewStoreFront(t)
	direct, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	store = clientOf(proxytest.Service{Endpoint: direct, AccessKey: "storekey", SecretKey: "storesecret"})
	return f, proxytest.StartBehind(t, f, ""), store, proxytest.MakeBucket(t, store, fmt.Sprintf("source%d", time.Now().UnixNano()))
}

// Whatever happens on the way, an object is there whole and as the source has it, or is left and named; what a client wrote
// stays.
func TestMigrateUnderFaults(t *testing.T) {
	t.Parallel()
	f, p, store, source := startFaultyMigration(t)
	client := p.Client(t)
	sealed := proxytest.MakeBucket(t, client, "sealed")
	put := func(key, body string, algorithm types.ChecksumAlgorithm) {
		t.Helper()
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &source, Key: &key, Body: strings.NewReader(body), ChecksumAlgorithm: algorithm}); err != nil {
			t.Error(err)
		}
	}
	big := strings.Repeat("0123456789abcdef", 6*proxytest.MiB/16)
	bodies := map[string]string{"altered": big, "altered once": "once", "cut": big, "deleted": big, "fine": "fine", "raced": "the source's", "replaced": big}
	for key, body := range bodies {
		put(key, body, types.ChecksumAlgorithmSha256)
	}
	upload(t, store, s3.CreateMultipartUploadInput{Bucket: &source, Key: aws.String("parts altered"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: types.ChecksumTypeComposite}, []byte(big), []byte("x"))

	// once runs f at the first call with a name.
	var mu sync.Mutex
	ran := map[string]bool{}
	once := func(name string, f func()) {
		mu.Lock()
		first := !ran[name]
		ran[name] = true
		mu.Unlock()
		if first {
			f()
		}
	}
	// Where the store shows no attributes, parts are asked for one by one, and read for their checksums.
	upload(t, store, s3.CreateMultipartUploadInput{Bucket: &source, Key: aws.String("parts untold"), ChecksumAlgorithm: types.ChecksumAlgorithmSha1, ChecksumType: types.ChecksumTypeComposite}, []byte(big[:5*proxytest.MiB]), []byte(big[5*proxytest.MiB:]))
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		switch key, ofSource := strings.CutPrefix(r.URL.Path, "/"+source+"/"); {
		case ofSource && r.URL.Query().Has("attributes"):
			w.WriteHeader(http.StatusNotImplemented)
			return true
		case ofSource && r.Method == http.MethodGet && key == "replaced":
			once(key, func() { put("replaced", "the newer one", "") })
		case ofSource && r.Method == http.MethodGet && key == "deleted":
			once(key, func() {
				if _, err := store.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &source, Key: &key}); err != nil {
					t.Error(err)
				}
			})
		case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "sealed/raced"):
			once(r.URL.Path, func() {
				if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sealed, Key: aws.String("raced"), Body: strings.NewReader("a client's")}); err != nil {
					t.Error(err)
				}
			})
		}
		return false
	}, func(r *http.Response) {
		key, ofSource := strings.CutPrefix(r.Request.URL.Path, "/"+source+"/")
		if !ofSource || r.Request.Method != http.MethodGet || r.StatusCode >= 300 || r.Request.URL.RawQuery != "" && !strings.HasPrefix(r.Request.URL.RawQuery, "x-id") {
			return
		}
		flip := func() {
			r.Body = struct {
				io.Reader
				io.Closer
			}{&flipped{from: r.Body}, r.Body}
		}
		switch key {
		case "cut":
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, proxytest.MiB), r.Body}
		case "altered", "parts altered":
			flip()
		case "altered once":
			// A store that shows no checksum can't be seen to err until the bytes are compared.
			r.Header.Del("x-amz-checksum-sha256")
			once(key, flip)
		}
	})
	r, errs, status := migrate(t, p, "s3://"+source, "s3://"+sealed)
	left := map[string]string{}
	for _, f := range r.Left {
		left[strings.TrimPrefix(f.URI, "s3://"+source+"/")] = f.State + " " + f.Kind
	}
	if want := map[string]string{
		"altered": "refused BadDigest", "altered once": "differs bytes", "cut": "failed ", "parts altered": "refused BadDigest", "raced": "differs size",
	}; !reflect.DeepEqual(left, want) || status != command.StatusError || r.Copied != 4 || r.Present != 1 || r.Equal != 3 {
		t.Errorf("status %d: %+v\n%s", status, r, errs)
	}
	proxytest.MustRead(t, client, sealed, "replaced", []byte("the newer one"))
	proxytest.MustRead(t, client, sealed, "raced", []byte("a client's"))
	proxytest.MustRead(t, client, sealed, "fine", []byte("fine"))
	if got, want := lookAt(t, client, sealed, "parts untold"), lookAt(t, store, source, "parts untold"); !reflect.DeepEqual(got, want) || got.SHA1 == "" {
		t.Errorf("%+v\n%+v", got, want)
	}
	for _, key := range []string{"altered", "cut", "deleted", "parts altered"} {
		if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &sealed, Key: &key}); err == nil {
			t.Errorf("%s is there", key)
		}
	}
	if n := openUploads(t, client, sealed); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// flipped changes the first byte of what it reads.
type flipped struct {
	from io.Reader
	done bool
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if n > 0 && !f.done {
		p[0] ^= 1
		f.done = true
	}
	return n, err
}

func openUploads(t *testing.T, client *s3.Client, bucket string) int {
	t.Helper()
	out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// Killed in the middle, a migration leaves whole objects and no others; the next run goes on, and gives up the upload that
// was under way.
func TestMigrateKilledAndResumed(t *testing.T) {
	t.Parallel()
	f, p, store, source := startFaultyMigration(t)
	client := p.Client(t)
	sealed := proxytest.MakeBucket(t, client, "sealed")
	bodies := map[string][]byte{}
	for i := range 12 {
		key := fmt.Sprintf("%02d", i)
		bodies[key] = proxytest.RandomBytes(100 * i)
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &source, Key: &key, Body: bytes.NewReader(bodies[key])}); err != nil {
			t.Fatal(err)
		}
	}
	bodies["06 parts"] = proxytest.RandomBytes(10*proxytest.MiB + 5)
	upload(t, store, s3.CreateMultipartUploadInput{Bucket: &source, Key: aws.String("06 parts")}, bodies["06 parts"][:5*proxytest.MiB], bodies["06 parts"][5*proxytest.MiB:10*proxytest.MiB], bodies["06 parts"][10*proxytest.MiB:])

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
	if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &sealed, Key: aws.String("06 parts")}); err == nil || done == 0 {
		t.Errorf("%d objects are there; the one under way: %v", done, err)
	}
	var position struct{ Uploads map[string]string }
	text, err := os.ReadFile(resume)
	if err := json.Unmarshal(text, &position); err != nil || len(position.Uploads) != 1 || openUploads(t, client, sealed) != 1 {
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
	if err := os.WriteFile(resume, fmt.Appendf(nil, `{"walk":"migrate s3://%s/ s3://%s/, comparing","after":"08","done":10}`, source, sealed), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, messages, status := migrate(t, p, args...); status != command.StatusOK || r.Copied+r.Present > 0 || r.Compared != 3 || r.Equal != 3 {
		t.Errorf("status %d: %+v\n%s", status, r, messages)
	}
}
