package memstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
	"sealfront/proxy/store"
)

func TestTheProbeFindsNothingLacking(t *testing.T) {
	s, _ := start(t, memstore.Options{})
	a, err := client(t, s).Probe(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if a != store.AllAbilities() {
		t.Error(a)
	}
}

func TestBodiesAndRangesComeBackAsTheyWere(t *testing.T) {
	_, c := start(t, memstore.Options{})
	for _, n := range []int{0, 1, 511, 512, 513, 4 << 10, 128<<10 - 1, 128 << 10, 128<<10 + 1, 1<<20 + 7} {
		key, body := fmt.Sprint("a b/ü+", n), random(n)
		put(t, c, key, body)
		if !bytes.Equal(get(t, c, key, ""), body) {
			t.Errorf("%d bytes came back as others", n)
		}
		for _, r := range [][2]int{{0, 0}, {0, n - 1}, {n / 2, n - 1}, {n / 3, n / 2}, {n - 1, n + 100}} {
			if r[0] < 0 || r[0] >= n {
				continue
			}
			if got := get(t, c, key, fmt.Sprintf("bytes=%d-%d", r[0], r[1])); !bytes.Equal(
				got, body[r[0]:min(r[1]+1, n)]) {
				t.Errorf("%d bytes, range %v: %d other bytes", n, r, len(got))
			}
		}
		if n > 0 {
			if got := get(t, c, key, "bytes=-5"); !bytes.Equal(got, body[max(0, n-5):]) {
				t.Errorf("%d bytes: the last 5 are others", n)
			}
		}
		_, err := c.GetObject(t.Context(), &s3.GetObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(key), Range: aws.String(fmt.Sprintf("bytes=%d-", n)),
		})
		wantCode(t, "a range behind the end", err, "InvalidRange")
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if err != nil || aws.ToInt64(head.ContentLength) != int64(n) {
			t.Errorf("HEAD of %d bytes: %d, %v", n, aws.ToInt64(head.ContentLength), err)
		}
	}
}

func TestHeadersAndMetadataComeBack(t *testing.T) {
	_, c := start(t, memstore.Options{})
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"),
		ContentType: aws.String("text/plain"), CacheControl: aws.String("no-store"),
		ContentEncoding: aws.String("gzip"), Metadata: map[string]string{"one": "1", "two": "zwei"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(h.ContentType) != "text/plain" || aws.ToString(h.CacheControl) != "no-store" ||
		h.Metadata["one"] != "1" || h.Metadata["two"] != "zwei" {
		t.Errorf("%+v", h)
	}
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"),
		Metadata: map[string]string{"m": strings.Repeat("m", 2048)},
	})
	wantCode(t, "2,049 bytes of metadata", err, "MetadataTooLarge")
}

func TestConditionsHold(t *testing.T) {
	_, c := start(t, memstore.Options{})
	etag := put(t, c, "k", []byte("1"))
	in := func() *s3.PutObjectInput {
		return &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("2")}
	}
	none, other := in(), in()
	none.IfNoneMatch, other.IfMatch = aws.String("*"), aws.String(`"other"`)
	_, err := c.PutObject(t.Context(), none)
	wantCode(t, "PUT If-None-Match", err, "PreconditionFailed")
	_, err = c.PutObject(t.Context(), other)
	wantCode(t, "PUT If-Match", err, "PreconditionFailed")
	absent := in()
	absent.Key, absent.IfMatch = aws.String("absent"), aws.String(etag)
	_, err = c.PutObject(t.Context(), absent)
	wantCode(t, "PUT If-Match of nothing", err, "NoSuchKey")
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), IfMatch: aws.String(`"other"`),
	})
	wantCode(t, "DELETE If-Match", err, "PreconditionFailed")
	if string(get(t, c, "k", "")) != "1" {
		t.Error("a condition that failed changed the object")
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), IfMatch: aws.String(`"other"`),
	})
	wantCode(t, "GET If-Match", err, "PreconditionFailed")
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), IfNoneMatch: aws.String(etag),
	})
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != http.StatusNotModified {
		t.Errorf("GET If-None-Match: %v", err)
	}
	right := in()
	right.IfMatch = aws.String(etag)
	if _, err := c.PutObject(t.Context(), right); err != nil || string(get(t, c, "k", "")) != "2" {
		t.Errorf("PUT If-Match that holds: %v", err)
	}
}

func TestOneOfManyCreatorsWins(t *testing.T) {
	_, c := start(t, memstore.Options{})
	var won sync.Map
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader(fmt.Sprint(i)),
				IfNoneMatch: aws.String("*"),
			})
			if err == nil {
				won.Store(fmt.Sprint(i), true)
			}
		})
	}
	all.Wait()
	n := 0
	won.Range(func(k, _ any) bool {
		n++
		if got := get(t, c, "k", ""); string(got) != k {
			t.Errorf("%v won and %s is there", k, got)
		}
		return true
	})
	if n != 1 {
		t.Errorf("%d creators won", n)
	}
}

func TestWhatTheStoreDoesNotKnowIsRefused(t *testing.T) {
	s, c := start(t, memstore.Options{})
	put(t, c, "k", []byte("kept"))
	_, err := c.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), Tagging: &types.Tagging{TagSet: []types.Tag{}},
	})
	wantCode(t, "PutObjectTagging", err, "NotImplemented")
	if string(get(t, c, "k", "")) != "kept" {
		t.Error("an operation that isn't there wrote an object")
	}
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"), Tagging: aws.String("a=b"),
	})
	wantCode(t, "tags", err, "NotImplemented")
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("nothing"), Key: aws.String("k")})
	wantCode(t, "a bucket that isn't there", err, "NoSuchBucket")
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(bucket)})
	wantCode(t, "DeleteBucket", err, "BucketNotEmpty")
	for header, want := range map[string]int{
		"": http.StatusForbidden, "AWS4-HMAC-SHA256 nonsense": http.StatusBadRequest,
	} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+"/"+bucket+"/k", nil)
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("authorization %q: %d, want %d", header, answer.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// A body in the middle of which the connection ends is no object, and its memory comes back.
func TestCutOffBodiesAreNotKept(t *testing.T) {
	s, c := start(t, memstore.Options{})
	free := s.Free()
	request := signedPut(t, s, "cut", 1<<20)
	for _, reset := range []bool{false, true} {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(append(request, random(300<<10)...)); err != nil {
			t.Fatal(err)
		}
		tcp := conn.(*net.TCPConn)
		if reset {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		} else {
			_ = tcp.CloseWrite()
			_, _ = io.Copy(io.Discard, tcp)
			_ = tcp.Close()
		}
	}
	for deadline := time.Now().Add(10 * time.Second); s.Free() != free; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are still taken", free-s.Free())
		}
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("cut")})
	wantCode(t, "an upload that was cut off", err, "NoSuchKey")
}

func TestWrongHashesAreNotKept(t *testing.T) {
	s, c := start(t, memstore.Options{})
	free := s.Free()
	for name, header := range map[string][2]string{
		"BadDigest":                 {"Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="},
		"InvalidDigest":             {"Content-MD5", "short"},
		"XAmzContentSHA256Mismatch": {"X-Amz-Content-Sha256", strings.Repeat("0", 64)},
	} {
		if got := rawPut(t, s, "k", []byte("body"), header); !strings.Contains(got, "<Code>"+name+"</Code>") {
			t.Errorf("%v: %s, want %s", header, got, name)
		}
	}
	if s.Free() != free {
		t.Errorf("%d bytes are still taken", free-s.Free())
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
	wantCode(t, "an upload with a wrong hash", err, "NoSuchKey")
}
