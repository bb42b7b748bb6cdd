package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The crash points of section 6 of the red-team report, made by a front end of the store that loses requests or
// answers: a proxy that dies between two of its requests leaves the store in the same states.

// breakAnswer carries a request out and loses its answer.
func breakAnswer(t *testing.T, f *proxytest.StoreFront, matches func(*http.Request) bool) {
	f.Set(nil, func(r *http.Response) {
		if matches(r.Request) {
			_ = r.Body.Close()
			r.Body = io.NopCloser(brokenReader{})
			r.ContentLength = 1 << 20
			r.Header.Set("Content-Length", "1048576")
		}
	})
	_ = t
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { panic(http.ErrAbortHandler) }

func isComplete(r *http.Request) bool {
	return r.Method == "POST" && r.URL.Query().Has("uploadId")
}

// refuse answers matching requests with a status.
func refuse(f *proxytest.StoreFront, status int, matches func(*http.Request) bool) {
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !matches(r) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		return true
	}, nil)
}

type crashed struct {
	f      *proxytest.StoreFront
	p      *proxytest.Program
	client *s3.Client
	a, b   []byte
}

func startCrashed(t *testing.T) *crashed {
	t.Helper()
	c := &crashed{f: proxytest.NewStoreFront(t), a: proxytest.RandomBytes(5 * proxytest.MiB), b: []byte("the stashed end")}
	c.p = proxytest.StartBehind(t, c.f, "")
	c.client = c.p.Client(t)
	proxytest.MakeBucket(t, c.client, "bucket")
	return c
}

func (c *crashed) upload(t *testing.T, key string) *proxytest.Uploader {
	t.Helper()
	u := proxytest.NewUploader(t, c.client, "bucket", key)
	u.Part(1, c.a)
	u.Part(2, c.b)
	return u
}

// Complete, crash after the store's Complete: the object is visible and whole; a retry is answered 200 (L3).
func TestCrashAfterTheStoresComplete(t *testing.T) {
	c := startCrashed(t)
	u := c.upload(t, "key")
	breakAnswer(t, c.f, isComplete)
	done, err := u.Complete(1, 2)
	c.f.Set(nil, nil)
	if err != nil {
		t.Errorf("the answer was lost, the object is there: %v", err)
	}
	out := proxytest.MustRead(t, c.client, "bucket", "key", append(bytes.Clone(c.a), c.b...))
	if done != nil && *done.ETag != *out.ETag {
		t.Errorf("ETag %s, then %s", *done.ETag, *out.ETag)
	}
	if _, err := u.Complete(1, 2); err != nil {
		t.Errorf("retry: %v", err)
	}
}

// Complete, crash before the store's Complete, with the tail written: the upload is open, and a retry replaces the
// tail.
func TestCrashBeforeTheStoresComplete(t *testing.T) {
	c := startCrashed(t)
	u := c.upload(t, "key")
	refuse(c.f, 503, isComplete)
	for range 3 {
		if _, err := u.Complete(1, 2); err == nil {
			t.Error("completed although the store refused")
		}
	}
	c.f.Set(nil, nil)
	c.p.MustNotExist("bucket", "key")
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, c.client, "bucket", "key", append(bytes.Clone(c.a), c.b...))
}

// L3: the store says 200, and nothing was written.
func TestL3AFalse200IsNotBelieved(t *testing.T) {
	c := startCrashed(t)
	for _, there := range []bool{false, true} {
		key := fmt.Sprintf("key-%t", there)
		if there {
			if _, err := c.client.PutObject(t.Context(),
				&s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("old")}); err != nil {
				t.Fatal(err)
			}
		}
		u := c.upload(t, key)
		c.f.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !isComplete(r) {
				return false
			}
			fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"x-1"</ETag></CompleteMultipartUploadResult>`)
			return true
		}, nil)
		if _, err := u.Complete(1, 2); proxytest.Code(err) != "InternalError" {
			t.Errorf("a false 200 (object there: %t): %v, want InternalError", there, err)
		}
		c.f.Set(nil, nil)
		if there {
			proxytest.MustRead(t, c.client, "bucket", key, []byte("old"))
		}
		// Nothing was removed: the upload can still be completed.
		if _, err := u.Complete(1, 2); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		proxytest.MustRead(t, c.client, "bucket", key, append(bytes.Clone(c.a), c.b...))
	}
}

// Some stores put an error into a 200.
func TestErrorInsideA200(t *testing.T) {
	c := startCrashed(t)
	u := c.upload(t, "key")
	c.f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if !isComplete(r) {
			return false
		}
		fmt.Fprint(w, `<Error><Code>InternalError</Code></Error>`)
		return true
	}, nil)
	if _, err := u.Complete(1, 2); err == nil {
		t.Error("an error in a 200 was taken for success")
	}
	c.f.Set(nil, nil)
	if _, err := u.Complete(1, 2); err != nil {
		t.Error(err)
	}
}

// Complete, crash before the completion record: the part records are gone or half gone; a retry is answered.
func TestCrashBeforeTheCompletionRecord(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(*http.Request) bool{
		"no part record was removed": func(r *http.Request) bool { return r.Method == "DELETE" },
		"the record was not replaced": func(r *http.Request) bool {
			return r.Method == "PUT" &&
				strings.HasSuffix(r.URL.Path, "/upload")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := startCrashed(t)
			u := c.upload(t, "key")
			refuse(c.f, 503, lost)
			if _, err := u.Complete(1, 2); err != nil {
				t.Errorf("the object is there: %v", err)
			}
			if _, err := u.Complete(1, 2); err != nil {
				t.Errorf("retry while records can't be removed: %v", err)
			}
			c.f.Set(nil, nil)
			if _, err := u.Complete(1, 2); err != nil {
				t.Errorf("retry: %v", err)
			}
			if _, err := u.Complete(1, 2); err != nil {
				t.Errorf("second retry: %v", err)
			}
			proxytest.MustRead(t, c.client, "bucket", "key", append(bytes.Clone(c.a), c.b...))
		})
	}
}

// UploadPart, crash between the part and its record: no 200 was given; sent again, it counts.
func TestCrashBeforeThePartRecord(t *testing.T) {
	c := startCrashed(t)
	u := proxytest.NewUploader(t, c.client, "bucket", "key")
	u.Part(1, c.a)
	refuse(c.f, 503, func(r *http.Request) bool { return r.Method == "PUT" && strings.Contains(r.URL.Path, "/parts/") })
	for n, body := range map[int32][]byte{1: proxytest.RandomBytes(5*proxytest.MiB + 1), 2: []byte("lost")} {
		if _, err := c.client.UploadPart(t.Context(),
			&s3.UploadPartInput{
				Bucket: aws.String("bucket"), Key: &u.Key, UploadId: &u.ID, PartNumber: aws.Int32(n), Body: bytes.NewReader(body),
			}); err == nil {
			t.Errorf("part %d was accepted without a record", n)
		}
	}
	c.f.Set(nil, nil)
	u.Part(1, c.a)
	u.Part(2, c.b)
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, c.client, "bucket", "key", append(bytes.Clone(c.a), c.b...))
}

// Abort, crash before the records go: Complete fails all the same, and the key keeps its object.
func TestCrashAfterTheStoresAbort(t *testing.T) {
	c := startCrashed(t)
	if _, err := c.client.PutObject(t.Context(),
		&s3.PutObjectInput{
			Bucket: aws.String("bucket"), Key: aws.String("key"), Body: strings.NewReader("old"),
		}); err != nil {
		t.Fatal(err)
	}
	u := c.upload(t, "key")
	refuse(c.f, 503, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/uploads/") && r.Method != "GET" })
	abort := &s3.AbortMultipartUploadInput{Bucket: aws.String("bucket"), Key: &u.Key, UploadId: &u.ID}
	if _, err := c.client.AbortMultipartUpload(t.Context(), abort); err == nil {
		t.Error("Abort succeeded although its records stayed")
	}
	c.f.Set(nil, nil)
	if _, err := u.Complete(1, 2); proxytest.Code(err) != "NoSuchUpload" {
		t.Errorf("Complete: %v, want NoSuchUpload", err)
	}
	if _, err := c.client.AbortMultipartUpload(t.Context(), abort); err != nil {
		t.Errorf("Abort again: %v", err)
	}
	proxytest.MustRead(t, c.client, "bucket", "key", []byte("old"))
}

// Two Completes at once: one object, and no answer that isn't true.
func TestTwoCompletesAtOnce(t *testing.T) {
	t.Parallel()
	c := startCrashed(t)
	for range 5 {
		u := c.upload(t, "key")
		var wait sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 3 {
			wait.Go(func() {
				if _, err := u.Complete(1, 2); err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if won != 3 {
			t.Errorf("%d of 3 were answered: the later ones repeat the first", won)
		}
		proxytest.MustRead(t, c.client, "bucket", "key", append(bytes.Clone(c.a), c.b...))
	}
}

// Uploads of one key that end at the same time: each was the object for a moment, so each Complete succeeds, and what
// stays is one of them. A Complete that finds another's object can't tell it from a store that made nothing of an
// aborted upload by that alone.
func TestUploadsOfOneKeyThatEndAtOnce(t *testing.T) {
	t.Parallel()
	c := startCrashed(t)
	const n = 6
	var uploads [n]*proxytest.Uploader
	bodies := make(map[string]bool)
	for i := range uploads {
		body := proxytest.RandomBytes(1000 + i)
		bodies[string(body)] = true
		uploads[i] = proxytest.NewUploader(t, c.client, "bucket", "key")
		uploads[i].Part(1, body)
	}
	var wait sync.WaitGroup
	for _, u := range uploads {
		wait.Go(func() {
			if _, err := u.Complete(1); err != nil {
				t.Errorf("Complete: %v", err)
			}
		})
	}
	wait.Wait()
	if a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key"}); a.StatusCode != 200 || !bodies[a.Text] {
		t.Errorf("what stayed is none of them: %d, %d bytes", a.StatusCode, len(a.Text))
	}
}

// PUT with a lost answer: the client is told to try again, and what is there is whole.
func TestCrashAfterThePut(t *testing.T) {
	c := startCrashed(t)
	for _, n := range []int{10, 400_000} {
		body := string(proxytest.RandomBytes(n))
		breakAnswer(t, c.f, func(r *http.Request) bool { return r.Method == "PUT" })
		a := c.p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket/key", Body: body})
		c.f.Set(nil, nil)
		if a.StatusCode == 200 || a.StatusCode/100 == 4 {
			t.Errorf("%d bytes, answer lost: %d %s", n, a.StatusCode, a.Text)
		}
		if a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key"}); a.StatusCode == 200 && a.Text != body {
			t.Errorf("%d bytes: the object has %d", n, len(a.Text))
		}
	}
}

// W16: the object is overwritten between two requests that make one answer.
func TestW16OverwrittenWhileItIsRead(t *testing.T) {
	c := startCrashed(t)
	u := proxytest.NewUploader(t, c.client, "bucket", "key")
	first, second := append(proxytest.RandomBytes(5*proxytest.MiB+1),
		proxytest.RandomBytes(100)...), append(proxytest.RandomBytes(5*proxytest.MiB+3), proxytest.RandomBytes(77)...)
	u.Part(1, first[:5*proxytest.MiB+1])
	u.Part(2, first[5*proxytest.MiB+1:])
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	next := proxytest.NewUploader(t, c.client, "bucket", "key")
	next.Part(1, second[:5*proxytest.MiB+3])
	next.Part(2, second[5*proxytest.MiB+3:])

	// The second version appears after the first request of the read, once.
	other := c.p.Client(t)
	next.Client = other
	var once sync.Once
	c.f.Set(nil, func(r *http.Response) {
		if r.Request.Method == "GET" && strings.HasSuffix(r.Request.URL.Path, "/key") {
			once.Do(func() {
				if _, err := next.Complete(1, 2); err != nil {
					t.Error(err)
				}
			})
		}
	})
	// A suffix range and an odd part: both need more than one request.
	value := "bytes=-150"
	out, err := c.client.GetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("key"), Range: &value})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, first[len(first)-150:]) && !bytes.Equal(got, second[len(second)-150:]) {
		t.Errorf("%d bytes of neither version, %v", len(got), err)
	}
	c.f.Set(nil, nil)
	proxytest.MustRead(t, c.client, "bucket", "key", second)
}

// A stalled store: the client gets an answer in time and the next request works.
func TestStoreThatStalls(t *testing.T) {
	c := startCrashed(t)
	released := make(chan struct{})
	c.f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != "GET" {
			return false
		}
		select {
		case <-released:
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
		return false
	}, nil)
	host, head := c.p.Head(&proxytest.Request{Method: "GET", Path: "/bucket/key"})
	conn := c.p.Dial(&proxytest.Request{}, host)
	if _, err := conn.Write(head); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close() // the client has given up; its goroutine must not hang on
	close(released)
	c.f.Set(nil, nil)
	if a := c.p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket/key", Body: "x"}); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.Text)
	}
}
