package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// The crash points of copies, renames and appends, made like those of crash_test.go.

// isObject tells requests for objects of a bucket of the program; the store's bucket has a prefix.
func isObject(r *http.Request, bucket string) bool {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return key != "" && strings.HasSuffix(name, "-"+bucket)
}

func isSource(r *http.Request) bool {
	return r.Method == "GET" && isObject(r, "bucket") && strings.HasSuffix(r.URL.Path, "/source")
}

// isDelete is a deletion of an object of a bucket, not of the probe or the state.
func isDelete(bucket string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == "DELETE" && isObject(r, bucket) && !r.URL.Query().Has("uploadId")
	}
}

// startRenamed starts the program behind f with a directory bucket.
func startRenamed(t *testing.T, bucket string) (*proxytest.StoreFront, *proxytest.Program, func(key string) string) {
	t.Helper()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket,
		Body: `<CreateBucketConfiguration><Location><Name>usw2-az1</Name><Type>AvailabilityZone</Type></Location><Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>`,
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	return f, p, func(key string) string {
		t.Helper()
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key})
		if a.StatusCode != 200 {
			return a.Code()
		}
		return a.Text
	}
}

// Rename: a crash leaves both names, never none; the same request again with its token carries it to its end.
func TestCrashesOfRenames(t *testing.T) {
	const bucket = "renames--usw2-az1--x-s3"
	f, p, read := startRenamed(t, bucket)
	body := strings.Repeat("body", 2000) // too large to come with its metadata: the store copies it
	isRecord := func(r *http.Request) bool { return r.Method == "PUT" && strings.Contains(r.URL.Path, "/renames/") }
	records := 0
	for what, c := range map[string]struct {
		breaks         func()
		status         int
		source         string // after the crash
		again, noToken int
	}{
		"before the copy":               {func() { refuse(f, 503, proxytest.IsCopy) }, 503, body, 200, 200},
		"after the copy":                {func() { refuse(f, 503, isDelete(bucket)) }, 503, body, 200, 200},
		"the copy's answer is lost":     {func() { breakAnswer(t, f, proxytest.IsCopy) }, 200, "NoSuchKey", 200, 404},
		"the deletion's answer is lost": {func() { breakDeletion(f, bucket) }, 503, "NoSuchKey", 200, 200},
		"the token isn't kept at the end": {func() {
			records = 0
			refuse(f, 503, func(r *http.Request) bool {
				if isRecord(r) {
					records++
				}
				return isRecord(r) && records > 1
			})
		}, 200, "NoSuchKey", 200, 404},
	} {
		for _, token := range []bool{true, false} {
			key := strings.NewReplacer(" ", "-", "'", "").Replace(fmt.Sprint(what, token))
			p.Put(bucket, key, body)
			var header []sigv4.Field
			if token {
				header = []sigv4.Field{proxytest.Field("X-Amz-Client-Token", key)}
			} else if what == "the token isn't kept at the end" {
				continue
			}
			c.breaks()
			a := p.Rename(bucket, key, "new-"+key, header...)
			f.Set(nil, nil)
			if a.StatusCode != c.status {
				t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.Text, c.status)
			}
			if got := read(key); got != c.source {
				t.Errorf("%s: the old name has %.20q", what, got)
			}
			if read(key) != body && read("new-"+key) != body {
				t.Errorf("%s: neither name has the object", what)
			}
			want := c.noToken
			if token {
				want = c.again
			}
			if a := p.Rename(bucket, key, "new-"+key, header...); a.StatusCode != want {
				t.Errorf("%s, again with token %t: %d %s, want %d", what, token, a.StatusCode, a.Text, want)
			}
			if read(key) != "NoSuchKey" || read("new-"+key) != body {
				t.Errorf("%s: in the end the names have %.20q and %.20q", what, read(key), read("new-"+key))
			}
		}
	}
}

// breakDeletion carries a deletion out and loses its answer.
func breakDeletion(f *proxytest.StoreFront, bucket string) {
	f.Set(nil, func(r *http.Response) {
		if isDelete(bucket)(r.Request) {
			panic(http.ErrAbortHandler)
		}
	})
}

// L6: between copy and deletion the source is written again: it stays, as if it had been written after the rename.
func TestL6AWriteBetweenCopyAndDeletionIsNotLost(t *testing.T) {
	const bucket = "writes--usw2-az1--x-s3"
	f, p, read := startRenamed(t, bucket)
	for _, header := range [][]sigv4.Field{nil, {proxytest.Field("If-None-Match", "*")}} {
		name := fmt.Sprint("new", len(header))
		p.Put(bucket, "old", "first")
		f.First(isDelete(bucket), func() { p.Put(bucket, "old", "second") })
		if a := p.Rename(bucket, "old", name, header...); a.StatusCode != 200 || read("old") != "second" ||
			read(name) != "first" {
			t.Errorf("%d %s: old is %q, new is %q", a.StatusCode, a.Text, read("old"), read(name))
		}
		p.Put(bucket, "old", "first")
		f.First(isDelete(bucket), func() {
			if a := p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/old"}); a.StatusCode != 204 {
				t.Error(a.StatusCode, a.Text)
			}
		})
		if a := p.Rename(bucket, "old", name+"-deleted", header...); a.StatusCode != 200 || read("old") != "NoSuchKey" ||
			read(name+"-deleted") != "first" {
			t.Errorf("deleted: %d %s: old is %q, new is %q", a.StatusCode, a.Text, read("old"), read(name+"-deleted"))
		}
	}
}

var starts atomic.Int64

// nextStart returns another number each time.
func nextStart() int64 { return starts.Add(1) }

// L5: between the look at the source and the copy the source is written again: the copy is the new version.
func TestL5AWriteBetweenLookAndCopyMakesTheCopyBeginAgain(t *testing.T) {
	c := startCrashed(t)
	p, f := c.p, c.f
	for _, header := range [][]sigv4.Field{
		nil, {proxytest.Field("If-None-Match", "*")}, {proxytest.Field("X-Amz-Checksum-Algorithm", "SHA1")},
	} {
		for i, n := range []int{5000, 300_000} { // a smaller one is put as it was looked at
			key := fmt.Sprintf("copy-%d-%d", len(header), i)
			if header != nil {
				key += string(header[0].Name)
			}
			first, second := string(proxytest.RandomBytes(n)), string(proxytest.RandomBytes(n+1))
			p.Put("bucket", "source", first)
			looks := 0
			f.First(func(r *http.Request) bool {
				if isSource(r) {
					looks++
				}
				// The copy itself, or the second read of the source where its bytes pass through.
				return proxytest.IsCopy(r) || isSource(r) && looks == 2
			}, func() { p.Put("bucket", "source", second) })
			a := p.CopyOf("bucket/source", "bucket/"+key, header...)
			f.Set(nil, nil)
			if a.StatusCode != 200 {
				t.Fatalf("%s: %d %s", header, a.StatusCode, a.Text)
			}
			proxytest.MustRead(t, c.client, "bucket", key, []byte(second))
		}
	}
	p.Put("bucket", "source", strings.Repeat("0", 5000))
	f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if proxytest.IsCopy(r) {
			p.Put("bucket", "source", strings.Repeat(strconv.Itoa(int(nextStart())), 5000))
		}
		return false
	}, nil)
	if a := p.CopyOf("bucket/source", "bucket/never"); a.StatusCode != 503 {
		t.Errorf("replaced three times: %d %s", a.StatusCode, a.Text)
	}
	f.Set(nil, nil)
	p.MustNotExist("bucket", "never")
}

// A store may answer 200 to a copy and tell in the body that it failed.
func TestA200ThatCarriesAnErrorIsNoCopy(t *testing.T) {
	c := startCrashed(t)
	c.p.Put("bucket", "source", strings.Repeat("body", 2000))
	for body, status := range map[string]int{
		"<Error><Code>InternalError</Code></Error>": 500,
		"<Error><Code>SlowDown</Code></Error>":      503,
		"":                                          500,
		"<html>":                                    500,
	} {
		c.f.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if proxytest.IsCopy(r) {
				fmt.Fprint(w, body)
			}
			return proxytest.IsCopy(r)
		}, nil)
		a := c.p.CopyOf("bucket/source", "bucket/copy")
		c.f.Set(nil, nil)
		if a.StatusCode != status {
			t.Errorf("%q: %d %s, want %d", body, a.StatusCode, a.Text, status)
		}
		c.p.MustNotExist("bucket", "copy")
	}
}

// Append: a crash leaves the object as it was or as it shall be; what is left of an upload is aborted.
func TestCrashesOfAppends(t *testing.T) {
	t.Parallel()
	const bucket = "appends--usw2-az1--x-s3"
	f, p, _ := startRenamed(t, bucket)
	client := p.Client(t)
	body := proxytest.RandomBytes(6 * proxytest.MiB)
	isUpload := func(method, query string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return r.Method == method && r.URL.Query().Has(query) && isObject(r, bucket)
		}
	}
	for what, c := range map[string]struct {
		breaks func()
		status int
		grown  bool
	}{
		"no upload": {func() { refuse(f, 503, isUpload("POST", "uploads")) }, 503, false},
		"no copy":   {func() { refuse(f, 503, proxytest.IsCopy) }, 503, false},
		"no last part": {func() {
			refuse(f, 503, func(r *http.Request) bool { return isUpload("PUT", "partNumber")(r) && !proxytest.IsCopy(r) })
		}, 503, false},
		"no Complete":                     {func() { refuse(f, 503, isComplete) }, 503, false},
		"a Complete whose answer is lost": {func() { breakAnswer(t, f, isComplete) }, 200, true},
		"a false 200": {func() {
			f.Set(func(w http.ResponseWriter, r *http.Request) bool {
				if isComplete(r) {
					fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"x-1"</ETag></CompleteMultipartUploadResult>`)
				}
				return isComplete(r)
			}, nil)
		}, 500, false},
	} {
		key := strings.ReplaceAll(what, " ", "-")
		p.Put(bucket, key, string(body))
		f.Seen()
		c.breaks()
		a := p.AppendTo(bucket, key, len(body), "more")
		f.Set(nil, nil)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.Text, c.status)
		}
		want := body
		if c.grown {
			want = append(bytes.Clone(body), "more"...)
		}
		proxytest.MustRead(t, client, bucket, key, want)
		aborted := false
		for _, r := range f.Seen() {
			aborted = aborted || r.Method == "DELETE" && r.URL.Query().Has("uploadId")
		}
		if aborted != (!c.grown && what != "no upload") {
			t.Errorf("%s: the store's upload was aborted: %t", what, aborted)
		}
	}
	// Another writer between the look and Complete: the append fails, and that one's object stays.
	p.Put(bucket, "raced", string(body))
	f.First(isComplete, func() { p.Put(bucket, "raced", "another") })
	if a := p.AppendTo(bucket, "raced", len(body), "more"); a.StatusCode != 409 ||
		a.Code() != "ConditionalRequestConflict" {
		t.Errorf("another writer: %d %s", a.StatusCode, a.Text)
	}
	proxytest.MustRead(t, client, bucket, "raced", []byte("another"))
}

// A body that the store cuts off while it is copied makes no object.
func TestASourceThatBreaksOffMakesNoCopy(t *testing.T) {
	c := startCrashed(t)
	body := string(proxytest.RandomBytes(1 << 20))
	c.p.Put("bucket", "source", body)
	for what, header := range map[string][]sigv4.Field{
		"sealed anew":      {proxytest.Field("X-Amz-Checksum-Algorithm", "SHA1")},
		"streamed through": {proxytest.Field("If-None-Match", "*")},
	} {
		c.f.Set(nil, func(r *http.Response) {
			if isSource(r.Request) && r.ContentLength > 4096 {
				r.Body = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(r.Body, 500_000), brokenReader{}), r.Body}
			}
		})
		a := c.p.CopyOf("bucket/source", "bucket/copy", header...)
		c.f.Set(nil, nil)
		if a.StatusCode != 503 {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
		c.p.MustNotExist("bucket", "copy")
		c.p.MustCopy("bucket/source", "bucket/whole-"+strings.ReplaceAll(what, " ", "-"), header...)
	}
}

// L5: a store may put its answer together of an old object's metadata and the bytes and ETag of the one that has just
// replaced it. The old envelope must not be wrapped around the new bytes: such a copy would open for nobody, and a
// rename would then delete the only object that does.
func TestL5OldMetadataBesideNewBytesIsNoSource(t *testing.T) {
	const bucket = "torn--usw2-az1--x-s3"
	f, p, read := startRenamed(t, bucket)
	const header = "X-Amz-Meta-Sealfront"
	for _, n := range []int{10, 300_000, 6 * proxytest.MiB} {
		var old atomic.Value // of string; requests of the program's own pass, too
		f.Set(nil, func(r *http.Response) {
			if v := r.Header.Get(header); v != "" {
				old.Store(v)
			}
		})
		p.Put(bucket, "source", string(proxytest.RandomBytes(n)))
		p.HeadOf(bucket, "source")
		body := string(append(proxytest.RandomBytes(n-1), 'x'))
		p.Put(bucket, "source", body)
		f.Set(nil, func(r *http.Response) {
			if r.Header.Get(header) != "" && strings.HasSuffix(r.Request.URL.Path, "/source") {
				r.Header.Set(header, old.Load().(string))
			}
		})
		if a := p.CopyOf(bucket+"/source", bucket+"/copy"); a.StatusCode != 500 {
			t.Errorf("%d bytes, copy: %d %s", n, a.StatusCode, a.Text)
		}
		if a := p.Rename(bucket, "source", "renamed"); a.StatusCode != 500 {
			t.Errorf("%d bytes, rename: %d %s", n, a.StatusCode, a.Text)
		}
		if a := p.AppendTo(bucket, "source", n, "more"); a.StatusCode != 500 {
			t.Errorf("%d bytes, append: %d %s", n, a.StatusCode, a.Text)
		}
		f.Set(nil, nil)
		if read("source") != body {
			t.Errorf("%d bytes: the source is not what it was", n)
		}
		p.MustNotExist(bucket, "copy")
		p.MustNotExist(bucket, "renamed")
	}
}
