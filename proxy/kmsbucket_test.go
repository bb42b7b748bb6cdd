package main

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/sigv4"
)

// An outageBucket is an SSE-KMS directory bucket with a KMS key, objects and uploads of its own.
type outageBucket struct {
	p         *program
	name, key string
	session   *sigv4.Credentials
	parts     string            // an upload
	uploads   map[string]string // one to complete, for each phase
	aborted   map[string]string
	lists     map[string]string
}

func (b *outageBucket) path(key string) string { return "/" + b.name + "/" + key }

func (b *outageBucket) encryption() *rawRequest {
	return &rawRequest{method: "PUT", path: "/" + b.name, query: "encryption=", service: "s3express", body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + b.key + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`}
}

func (b *outageBucket) must(r *rawRequest) *answer {
	b.p.t.Helper()
	a := b.p.do(r)
	if a.StatusCode/100 != 2 || a.bodyErr != nil {
		b.p.t.Fatalf("%s %s?%s: %d %s %v", r.method, r.path, r.query, a.StatusCode, a.body, a.bodyErr)
	}
	return a
}

// newKMSBucket makes an empty SSE-KMS directory bucket.
func newKMSBucket(p *program, name, key string) *outageBucket {
	p.t.Helper()
	b := &outageBucket{p: p, name: name, key: key, uploads: make(map[string]string), aborted: make(map[string]string), lists: make(map[string]string)}
	b.must(&rawRequest{method: "PUT", path: "/" + name, service: "s3express", body: directoryBucketDocument})
	b.must(b.encryption())
	return b
}

func newOutageBucket(p *program, name, key string) *outageBucket {
	p.t.Helper()
	b := newKMSBucket(p, name, key)
	b.session = p.session(name)
	upload := func(key string) string {
		id := element(b.must(&rawRequest{method: "POST", path: b.path(key), query: "uploads="}).body, "UploadId")
		return url.QueryEscape(id)
	}
	b.parts = upload("parts")
	b.must(&rawRequest{method: "PUT", path: b.path("object"), body: "body"})
	for _, phase := range []string{"warm", "cold"} {
		for _, key := range []string{"-from", "-delete", "-deletes", "-append"} {
			b.must(&rawRequest{method: "PUT", path: b.path(phase + key), body: "body"})
		}
		b.aborted[phase] = upload("aborted")
		b.uploads[phase] = upload(phase + "-complete")
		etag := b.must(&rawRequest{method: "PUT", path: b.path(phase + "-complete"), query: "partNumber=1&uploadId=" + b.uploads[phase], body: "part"}).Header.Get("ETag")
		b.lists[phase] = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"
	}
	return b
}

// keys lists what is there.
func (b *outageBucket) keys() string {
	b.p.t.Helper()
	var keys []string
	for rest := b.must(&rawRequest{method: "GET", path: "/" + b.name, query: "list-type=2"}).body; ; {
		_, after, ok := strings.Cut(rest, "<Key>")
		if !ok {
			return strings.Join(keys, " ")
		}
		key, more, _ := strings.Cut(after, "</Key>")
		keys, rest = append(keys, key), more
	}
}

// has compares the keys with those wanted, in whatever order directory buckets list them.
func (b *outageBucket) has(when, want string) {
	b.p.t.Helper()
	got := strings.Fields(b.keys())
	missing := make(map[string]bool)
	for _, key := range strings.Fields(want) {
		missing[key] = true
	}
	for _, key := range got {
		if !missing[key] {
			b.p.t.Errorf("%s there is %s", when, key)
		}
		delete(missing, key)
	}
	if len(missing) > 0 {
		b.p.t.Errorf("%s these are missing: %v", when, missing)
	}
}

// rowOf finds the row that refused a request, in the program's log.
func (p *program) rowOf(a *answer) string {
	p.t.Helper()
	id := a.Header.Get("X-Amz-Request-Id")
	for range 500 {
		for line := range strings.Lines(p.stderr.String()) {
			if id != "" && strings.Contains(line, id) && strings.HasSuffix(line, "\n") {
				_, rest, _ := strings.Cut(line, `"row":"`)
				row, _, _ := strings.Cut(rest, `"`)
				return row
			}
		}
		time.Sleep(10 * time.Millisecond) // the pipe's other end is a goroutine
	}
	p.t.Errorf("the log has no request %q", id)
	return ""
}

// every runs a subtest for each of n at the same time, however few processors there are: they wait most of the time.
func every(t *testing.T, n int, name func(i int) string, f func(t *testing.T, i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { t.Run(name(i), func(t *testing.T) { f(t, i) }) })
	}
	all.Wait()
}

// for returns the program as a subtest sees it.
func (p *program) forTest(t *testing.T) *program {
	q := *p
	q.t = t
	return &q
}
