package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// L6, RN-1: what is renamed opens under its new name with all that it had; KMS isn't asked.
func TestARenamedObjectOpensUnderItsNewName(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "multi")
	u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
	u.Part(2, proxytest.RandomBytes(10))
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{
		"empty": nil, "small": []byte("body"), "large": proxytest.RandomBytes(1 << 20),
		"multi": append(proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(10)...), "copied": []byte("body"),
	}
	for _, key := range []string{"empty", "small", "large"} {
		p.Put(bucket, key, string(bodies[key]), proxytest.Field("X-Amz-Meta-Name", "value"),
			proxytest.Field("Content-Type", "a/b"))
	}
	p.MustCopy(bucket+"/small", bucket+"/copied")
	ask := proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")
	for key, body := range bodies {
		before := p.HeadOf(bucket, key, ask)
		to := "dir/renamed-" + key
		var cost map[string]int
		generate, decrypt := p.KMSCalls(func() {
			cost = p.StoreRequests(func() {
				if a := p.Rename(bucket, "/"+bucket+"/"+key, to); a.StatusCode != 200 || a.Text != "" {
					t.Errorf("%s: %d %s", key, a.StatusCode, a.Text)
				}
			})
		})
		if generate != 0 || decrypt != 0 {
			t.Errorf("%s: %d calls of GenerateDataKey and %d of Decrypt, want none", key, generate, decrypt)
		}
		want := map[string]int{"GetObject": 1, "CopyObject": 1, "DeleteObject": 1}
		switch key {
		case "empty":
			want = map[string]int{"GetObject": 1, "PutObject": 1, "HeadObject": 1, "DeleteObject": 1}
		case "small", "copied": // they came with their metadata
			want = map[string]int{"GetObject": 1, "PutObject": 1, "DeleteObject": 1}
		}
		proxytest.WantCost(t, "renaming "+key, cost, want)
		p.MustNotExist(bucket, key)
		proxytest.MustRead(t, client, bucket, to, body)
		after := p.HeadOf(bucket, to, ask)
		for _, name := range []string{
			"Content-Type", "X-Amz-Meta-Name", "X-Amz-Server-Side-Encryption",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc64nvme",
			"X-Amz-Checksum-Type",
		} {
			if before.Header.Get(name) != after.Header.Get(name) {
				t.Errorf("%s: %s was %q and is %q", key, name, before.Header.Get(name), after.Header.Get(name))
			}
		}
		part := p.Do(&proxytest.Request{Method: "HEAD", Path: "/" + bucket + "/" + to, Query: "partNumber=1"})
		if count := part.Header.Get("x-amz-mp-parts-count"); count != map[bool]string{true: "2"}[key == "multi"] {
			t.Errorf("%s: %q parts after the rename", key, count)
		}
	}
	key, to := "dir/renamed-small", "through/the sdk"
	if _, err := client.RenameObject(t.Context(),
		&s3.RenameObjectInput{Bucket: &bucket, Key: &to, RenameSource: aws.String(key)}); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, client, bucket, to, []byte("body"))
}

func TestConditionsOnARename(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	const past, future = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2037 07:28:00 GMT"
	source := func(s string) string { return "X-Amz-Rename-Source-" + s }
	for what, c := range map[string]struct {
		to     string
		header func(sourceTag, thereTag string) []sigv4.Field
		status int
	}{
		"no condition, new name":    {"new", nil, 200},
		"no condition, overwriting": {"there", nil, 200},
		"must not be there, and isn't": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-None-Match", "*")} }, 200,
		},
		"must not be there, and is": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-None-Match", "*")} }, 412,
		},
		"must be this, and is": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Match", d)} }, 200,
		},
		"must be this, and is another": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Match", s)} }, 412,
		},
		"must be this, and isn't there": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Match", d)} }, 412,
		},
		"unmodified since long ago": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Unmodified-Since", past)} },
			412,
		},
		"unmodified since the future": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Unmodified-Since", future)} },
			200,
		},
		"modified since long ago": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Modified-Since", past)} }, 200,
		},
		"modified since the future": {
			"there",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Modified-Since", future)} },
			412,
		},
		"dates of what isn't there": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-Modified-Since", past)} }, 200,
		},
		"source must be this, and is": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field(source("If-Match"), s)} }, 200,
		},
		"source must be this, and isn't": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field(source("If-Match"), d)} }, 412,
		},
		"source must not be this, and is": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field(source("If-None-Match"), s)} }, 412,
		},
		"source unmodified since long ago": {"new", func(s, d string) []sigv4.Field {
			return []sigv4.Field{proxytest.Field(source("If-Unmodified-Since"), past)}
		}, 412},
		"source modified since the future": {"new", func(s, d string) []sigv4.Field {
			return []sigv4.Field{proxytest.Field(source("If-Modified-Since"), future)}
		}, 412},
		"If-None-Match with something else": {
			"new",
			func(s, d string) []sigv4.Field { return []sigv4.Field{proxytest.Field("If-None-Match", d)} }, 501,
		},
	} {
		for _, body := range []string{"", "source", string(proxytest.RandomBytes(300_000))} {
			p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/new"})
			there := p.Put(bucket, "there", "there").Header.Get("ETag")
			tag := p.Put(bucket, "source", body).Header.Get("ETag")
			var header []sigv4.Field
			if c.header != nil {
				header = c.header(tag, there)
			}
			a := p.Rename(bucket, "source", c.to, header...)
			if a.StatusCode != c.status {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
			}
			if c.status == 200 {
				p.MustNotExist(bucket, "source")
				if got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + c.to}); got.Text != body {
					t.Errorf("%s: the new name has %d bytes, want %d", what, len(got.Text), len(body))
				}
				continue
			}
			for key, want := range map[string]string{"source": body, "there": "there"} {
				if got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}); got.Text != want {
					t.Errorf("%s: %s has %d %d bytes after a refusal", what, key, got.StatusCode, len(got.Text))
				}
			}
		}
	}
}

func TestRenamesThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	p.Put(bucket, "source", "body")
	for what, c := range map[string]struct {
		bucket, from, to string
		status           int
		code             string
	}{
		"a source that isn't there":     {bucket, "absent", "new", 404, "NoSuchKey"},
		"onto itself":                   {bucket, "source", "source", 400, "InvalidRequest"},
		"a source that ends in a slash": {bucket, "source/", "new", 400, "InvalidRequest"},
		"a name that ends in a slash":   {bucket, "source", "new/", 400, "InvalidRequest"},
		"a source in another bucket": {
			bucket, "other--local-az1--x-s3/source", "new", 400,
			"InvalidRequest",
		},
		"a general purpose bucket":               {general, "source", "new", 501, "NotImplemented"},
		"a name that the store would fold":       {bucket, "source", "a//b", 400, "InvalidURI"},
		"a source that it would have fold":       {bucket, "a/./b", "new", 404, "NoSuchKey"},
		"a source that can't be percent-decoded": {bucket, "%zz", "new", 400, "InvalidArgument"},
	} {
		if a := p.Rename(c.bucket, c.from, c.to); a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/source"}); a.Text != "body" {
		t.Errorf("the source is gone: %d", a.StatusCode)
	}
	// An envelope from elsewhere doesn't move on.
	file := proxytest.StoredFile(dir, bucket, "source")
	if err := os.Rename(file, proxytest.StoredFile(dir, bucket, "moved")); err != nil {
		t.Fatal(err)
	}
	if a := p.Rename(bucket, "moved", "new"); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("an object that the store moved: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "new")
}

// Section 6.4: a repeated request is recognised by its token, also after a crash between any two steps.
func TestARepeatedRenameIsRecognised(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	token := func(s string) sigv4.Field { return proxytest.Field("X-Amz-Client-Token", s) }
	read := func(key string) string {
		return p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}).Text
	}
	p.Put(bucket, "a", "first")
	cost := p.StoreRequests(func() {
		if a := p.Rename(bucket, "a", "b", token("one")); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	})
	proxytest.WantCost(t, "a rename with a token", cost,
		map[string]int{"GetObject": 2, "DeleteObject": 1, "PutObject": 3})
	// The same again: without effect, whatever is there now.
	if a := p.Rename(bucket, "a", "b", token("one")); a.StatusCode != 200 || read("b") != "first" {
		t.Errorf("repeated: %d %s, b is %q", a.StatusCode, a.Text, read("b"))
	}
	p.Put(bucket, "a", "second")
	if a := p.Rename(bucket, "a", "b", token("one")); a.StatusCode != 200 || read("a") != "second" ||
		read("b") != "first" {
		t.Errorf("repeated after the old name was written again: %d %s, a is %q, b is %q", a.StatusCode, a.Text,
			read("a"), read("b"))
	}
	for what, c := range map[string]struct {
		from, to string
		header   []sigv4.Field
	}{
		"another destination": {"a", "c", nil},
		"another source":      {"b", "a", nil},
		"another condition":   {"a", "b", []sigv4.Field{proxytest.Field("If-None-Match", "*")}},
	} {
		if a := p.Rename(bucket, c.from, c.to, append(c.header, token("one"))...); a.StatusCode != 400 ||
			a.Code() != "IdempotencyParameterMismatch" {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
	}
	if a := p.Rename(bucket, "a", "b", token("two")); a.StatusCode != 200 || read("b") != "second" {
		t.Errorf("another token: %d %s, b is %q", a.StatusCode, a.Text, read("b"))
	}
	if a := p.Rename(bucket, "b", "c", token(strings.Repeat("x", 65))); a.StatusCode != 400 ||
		a.Code() != "InvalidArgument" {
		t.Errorf("a token of 65 characters: %d %s", a.StatusCode, a.Text)
	}
}

// L6: a source that is written while it is renamed is never lost: its last version is under one of the names.
func TestAWriteThatRacesWithARenameIsNotLost(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	for i := range 30 {
		source, to := fmt.Sprintf("source-%d", i), fmt.Sprintf("renamed-%d", i)
		p.Put(bucket, source, "old")
		written := make(chan struct{})
		go func() {
			defer close(written)
			p.Put(bucket, source, "new")
		}()
		a := p.Rename(bucket, source, to)
		<-written
		if a.StatusCode != 200 && a.StatusCode != 503 {
			t.Errorf("rename: %d %s", a.StatusCode, a.Text)
		}
		one := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + source})
		two := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + to})
		if one.Text != "new" && two.Text != "new" || two.StatusCode != 200 {
			t.Fatalf("the new body is lost: %d %q, %d %q", one.StatusCode, one.Text, two.StatusCode, two.Text)
		}
	}
}
