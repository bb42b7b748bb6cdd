package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

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

// readCloser reads from one thing and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

func (s *site) openUploads(bucket string) int {
	s.t.Helper()
	out, err := s.client.ListMultipartUploads(s.t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(out.Uploads)
}

// Whatever happens on the way, an object is there whole and as the source has it, or is left and named; what a client
// wrote stays.
func TestMigrateUnderFaults(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "migratefaults")
	const source = "migratefaults-clear"
	makeBucket(t, s.raw, source)
	sealed := s.bucket("migratefaults-sealed")
	big := bytes.Repeat([]byte("0123456789abcdef"), 6*mib/16)
	sha := s3.PutObjectInput{ChecksumAlgorithm: types.ChecksumAlgorithmSha256}
	for key, body := range map[string][]byte{
		"altered": big, "altered once": []byte("once"), "cut": big, "deleted": big, "fine": []byte("fine"),
		"raced":    []byte("the source's"),
		"replaced": big, "fails": []byte("x"),
	} {
		put(t, s.raw, source, key, body, sha)
	}
	composite := s3.CreateMultipartUploadInput{
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		ChecksumType:      types.ChecksumTypeComposite,
	}
	upload(t, s.raw, source, "parts altered", composite, big, []byte("x"))
	// Where the store shows no attributes, parts are requested one by one, and read for their checksums.
	composite.ChecksumAlgorithm = types.ChecksumAlgorithmSha1
	upload(t, s.raw, source, "parts not shown", composite, big[:5*mib], big[5*mib:])

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
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		switch key, ofSource := strings.CutPrefix(r.URL.Path, "/"+source+"/"); {
		case ofSource && r.URL.Query().Has("attributes"):
			w.WriteHeader(http.StatusNotImplemented)
			return true
		case ofSource && r.Method == http.MethodGet && key == "replaced":
			once(key, func() { put(t, s.raw, source, "replaced", []byte("the newer one"), s3.PutObjectInput{}) })
		case ofSource && r.Method == http.MethodGet && key == "deleted":
			once(key, func() { remove(t, s.raw, source, key) })
		case r.Method == http.MethodPut && r.URL.Path == "/"+sealed+"/fails":
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case r.Method == http.MethodPut && r.URL.Path == "/"+sealed+"/raced":
			once(r.URL.Path, func() { s.put(sealed, "raced", []byte("a client's")) })
		}
		return false
	}, func(r *http.Response) {
		key, ofSource := strings.CutPrefix(r.Request.URL.Path, "/"+source+"/")
		if !ofSource || r.Request.Method != http.MethodGet || r.StatusCode >= 300 || r.Request.URL.RawQuery != "" {
			return
		}
		flip := func() { r.Body = readCloser{&flipped{from: r.Body}, r.Body} }
		switch key {
		case "cut":
			r.Body = readCloser{io.LimitReader(r.Body, mib), r.Body}
		case "altered", "parts altered":
			flip()
		case "altered once":
			// A store that shows no checksum can't be seen to err until the bytes are compared.
			r.Header.Del("x-amz-checksum-sha256")
			once(key, flip)
		}
	})
	r, err := s.migrate(source, sealed, tools.WalkOptions{})
	s.front.set(nil, nil)
	if want := map[string]string{
		"altered": "refused BadDigest", "altered once": "differs bytes", "cut": "failed ",
		"parts altered": "refused BadDigest", "raced": "differs size",
		"fails": "failed ",
	}; !errors.Is(err, tools.ErrLeft) || !maps.Equal(left(r, source), want) || r.Copied != 4 || r.Present != 1 ||
		r.Equal != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	mustRead(t, s.client, sealed, "replaced", []byte("the newer one"))
	mustRead(t, s.client, sealed, "raced", []byte("a client's"))
	mustRead(t, s.client, sealed, "fine", []byte("fine"))
	if got, want := proxytest.ViewOf(t, s.client, sealed, "parts not shown"),
		proxytest.ViewOf(t, s.raw, source, "parts not shown"); !reflect.DeepEqual(got, want) || got.SHA1 == "" {
		t.Errorf("%+v\n%+v", got, want)
	}
	for _, key := range []string{"altered", "cut", "deleted", "parts altered", "fails"} {
		if !gone(t, s.client, sealed, key) {
			t.Errorf("%s is there", key)
		}
	}
	if n := s.openUploads(sealed); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// A migration that ends in the middle leaves whole objects and no others; the next one goes on, and gives up the upload
// that was in progress.
func TestMigrateInterruptedAndResumed(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "migrateresumed")
	const source = "migrateresumed-clear"
	makeBucket(t, s.raw, source)
	sealed := s.bucket("migrateresumed-sealed")
	bodies := map[string][]byte{}
	for i := range 8 {
		key := fmt.Sprintf("%02d", i)
		bodies[key] = random(100 * i)
		put(t, s.raw, source, key, bodies[key], s3.PutObjectInput{})
	}
	whole := random(10*mib + 5)
	bodies["04 parts"] = whole
	upload(t, s.raw, source, "04 parts", s3.CreateMultipartUploadInput{}, whole[:5*mib], whole[5*mib:10*mib],
		whole[10*mib:])

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
		switch ofParts := strings.HasSuffix(r.URL.Path, sealed+"/04 parts"); {
		case ofParts && r.URL.Query().Get("partNumber") == "2":
			cancel()
		case ofParts && r.Method == http.MethodDelete: // nobody is there to abort it
			panic(http.ErrAbortHandler)
		}
		return false
	}, nil)
	resume := filepath.Join(t.TempDir(), "resume")
	m := s.migration(tools.Target{Bucket: source}, tools.Target{Bucket: sealed})
	if r, err := s.installation().Migrate(ctx, m, tools.WalkOptions{Concurrency: 1, Resume: resume}); !errors.Is(err,
		context.Canceled) || r.Copied != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	s.front.set(nil, nil)
	if s.openUploads(sealed) != 1 {
		t.Error("no upload is in progress")
	}
	for key := range bodies {
		if there := !gone(t, s.client, sealed, key); there != (key < "04 parts") {
			t.Errorf("%s is there: %v", key, there)
		}
	}
	// As one that was killed leaves it.
	var position map[string]any
	text, err := os.ReadFile(resume)
	if err := errors.Join(err, json.Unmarshal(text, &position)); err != nil || position["after"] != "04" {
		t.Fatalf("the resume file is %s, %v", text, err)
	}
	uploads, err := s.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sealed})
	if err != nil || len(uploads.Uploads) != 1 {
		t.Fatal(err)
	}
	position["uploads"] = map[string]string{*uploads.Uploads[0].UploadId: *uploads.Uploads[0].Key}
	if text, err = json.Marshal(position); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(resume, text, 0o600); err != nil {
		t.Fatal(err)
	}
	n := int64(len(bodies))
	r, err := s.migrate(source, sealed, tools.WalkOptions{Resume: resume})
	if err != nil || r.Copied != n-5 || r.Present != 0 || r.Equal != n {
		t.Errorf("%+v, %v", r, err)
	}
	for key, body := range bodies {
		mustRead(t, s.client, sealed, key, body)
	}
	if left := s.openUploads(sealed); left > 0 {
		t.Errorf("%d uploads are left", left)
	}

	// One that was comparing goes on there.
	text = fmt.Appendf(nil, `{"walk":"migrate %s %s, comparing","after":"05","done":7}`, uri(source, ""), uri(sealed, ""))
	if err := os.WriteFile(resume, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := s.migrate(source, sealed, tools.WalkOptions{Resume: resume}); err != nil || r.Copied+r.Present > 0 ||
		r.Compared != 2 || r.Equal != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
