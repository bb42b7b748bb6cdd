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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/policy"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// migration is one from a bucket of the store to a sealed one; change may change it.
func (s *site) migration(from, to tools.Target) *tools.Migration {
	s.t.Helper()
	return &tools.Migration{
		From: from, To: to, StateBucket: s.stateBucket,
		Proxy: newClient(s.t, s.proxyURL, region, s.trust, policy.KindOf(to.Bucket) == policy.Directory),
	}
}

func (s *site) migrate(from, to string, o tools.WalkOptions) (*tools.MigrationReport, error) {
	s.t.Helper()
	return s.installation().Migrate(s.t.Context(), s.migration(tools.Target{Bucket: from}, tools.Target{Bucket: to}), o)
}

// left is what a migration has left, by key.
func left(r *tools.MigrationReport, bucket string) map[string]string {
	all := map[string]string{}
	for _, f := range r.Left {
		all[strings.TrimPrefix(f.URI, uri(bucket, ""))] = f.State + " " + f.Kind
	}
	return all
}

// fill makes a bucket of the store and fills it, as clients do that know nothing of the proxy.
func (s *site) fill(bucket string) map[string][]byte {
	s.t.Helper()
	makeBucket(s.t, s.raw, bucket)
	bodies := map[string][]byte{}
	with := func(key string, body []byte, in s3.PutObjectInput) {
		put(s.t, s.raw, bucket, key, body, in)
		bodies[key] = body
	}
	with("described", random(1000), s3.PutObjectInput{
		ContentType: aws.String("text/x-a; charset=utf-8"), CacheControl: aws.String("no-store"),
		ContentEncoding:    aws.String("gzip"),
		ContentDisposition: aws.String(`attachment; filename="a b"`), ContentLanguage: aws.String("de, en"),
		Expires:           aws.Time(time.Unix(2e9, 0)),
		Metadata:          map[string]string{"name": "välue", "long": strings.Repeat("m", 600)},
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
	})
	with("tagged", random(10), s3.PutObjectInput{Tagging: aws.String("a=1&b=x%20y%2Bz")})
	with("empty", nil, s3.PutObjectInput{})
	with("folder/", nil, s3.PutObjectInput{Metadata: map[string]string{"a": "b"}})
	with("dir/a b+ü%25&=c", random(65536), s3.PutObjectInput{})
	with("sha", random(300_000), s3.PutObjectInput{ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	with("large", random(5*mib+1), s3.PutObjectInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
	body := random(5*mib + 70_000)
	for key, in := range map[string]s3.CreateMultipartUploadInput{
		"parts composite": {
			ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
			Metadata: map[string]string{"n": "v"}, ContentType: aws.String("text/plain"), CacheControl: aws.String("no-cache"),
		},
		"parts full": {ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject},
		"parts":      {Tagging: aws.String("in=parts")},
	} {
		upload(s.t, s.raw, bucket, key, in, body[:5*mib], body[5*mib:])
		bodies[key] = body
	}
	upload(s.t, s.raw, bucket, "one part", s3.CreateMultipartUploadInput{}, body[:100])
	bodies["one part"] = body[:100]
	return bodies
}

// What lies in the clear in a store becomes a sealed bucket that clients can't tell from it.
func TestMigrateKeepsAllThatClientsSee(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "migrateall")
	const source = "migrateall-clear"
	bodies := s.fill(source)
	n := int64(len(bodies))
	general := s.bucket("migrateall-sealed")
	resume := filepath.Join(t.TempDir(), "resume")
	r, err := s.migrate(source, general, tools.WalkOptions{Resume: resume, Watch: newWatched()})
	if err != nil || r.Copied != n || r.Compared != n || r.Equal != n ||
		r.Present+r.Gone+r.More+r.Reshaped+int64(len(r.Left)) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives the migration")
	}
	for key, body := range bodies {
		mustRead(t, s.client, general, key, body)
		want, got := proxytest.ViewOf(t, s.raw, source, key), proxytest.ViewOf(t, s.client, general, key)
		if want.ChecksumType == "" { // the proxy adds one by itself
			got.CRC64NVME, got.ChecksumType = "", ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%+v, was\n%+v", key, got, want)
		}
	}
	s.mustVerify(general, n)

	// Into a directory bucket, below another prefix.
	directory, _ := s.directoryBucket("migrateall")
	m := s.migration(tools.Target{Bucket: source}, tools.Target{Bucket: directory, Key: "a/"})
	m.DropTags = true
	r, err = s.installation().Migrate(t.Context(), m, tools.WalkOptions{Concurrency: 2, Rate: 1000})
	if err != nil || r.Copied != n || r.Equal != n {
		t.Errorf("%+v, %v", r, err)
	}
	for key, body := range bodies {
		mustRead(t, s.client, directory, "a/"+key, body)
	}
	got, want := proxytest.ViewOf(t, s.client, directory, "a/parts composite"), proxytest.ViewOf(t, s.raw, source,
		"parts composite")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("in a directory bucket\n%+v, was\n%+v", got, want)
	}

	// What one PUT can't hold comes in parts.
	m = s.migration(tools.Target{Bucket: source, Key: "large"}, tools.Target{Bucket: general, Key: "cut"})
	m.PutLimit = 5 * mib
	if r, err := s.installation().Migrate(t.Context(), m, tools.WalkOptions{}); err != nil || r.Copied != 1 ||
		r.Reshaped != 1 || r.Equal != 1 {
		t.Errorf("cut: %+v, %v", r, err)
	}
	mustRead(t, s.client, general, "cut", bodies["large"])
	if got := proxytest.ViewOf(t, s.client, general, "cut"); len(got.Parts) != 1 {
		t.Errorf("cut: %+v", got)
	}
}

// A migration replaces nothing, seals nothing twice, and leaves what a sealed bucket can't hold as it is.
func TestMigrateReplacesNothing(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "migrateagain")
	const source = "migrateagain-clear"
	makeBucket(t, s.raw, source)
	general := s.bucket("migrateagain-sealed")
	directory, _ := s.directoryBucket("migrateagain")
	s.put(general, "own", []byte("a client's own"))
	whole := random(5*mib + 10)
	ones := map[string]s3.PutObjectInput{
		"new": {}, "equal": {}, "sealed": {Metadata: map[string]string{envelope: "AQ"}},
		"sealed under another name": {Metadata: map[string]string{"other": s.stored(general, "own").metadata[envelope]}},
		"size":                      {}, "bytes": {}, "metadata": {Metadata: map[string]string{"a": "b"}},
		"type": {ContentType: aws.String("text/plain")},
		"tags": {Tagging: aws.String("a=1")}, "checksum": {ChecksumAlgorithm: types.ChecksumAlgorithmSha256},
	}
	for key, in := range ones {
		put(t, s.raw, source, key, []byte("of the source"), in)
	}
	upload(t, s.raw, source, "parts", s3.CreateMultipartUploadInput{ContentType: aws.String("application/octet-stream")},
		whole[:5*mib], whole[5*mib:])
	for _, key := range []string{"equal", "metadata", "type", "tags", "checksum"} {
		s.put(general, key, []byte("of the source"))
	}
	s.put(general, "size", []byte("longer than the source's"))
	s.put(general, "bytes", []byte("Of the source"))
	s.put(general, "parts", whole)
	n := int64(len(ones) + 1)
	r, err := s.migrate(source, general, tools.WalkOptions{})
	want := map[string]string{
		"sealed": "refused sealed", "sealed under another name": "refused sealed", "size": "differs size",
		"bytes":    "differs checksum",
		"metadata": "differs metadata", "type": "differs metadata", "tags": "differs tags", "checksum": "differs checksum",
		"parts": "differs parts",
	}
	if got := left(r, source); !errors.Is(err, tools.ErrLeft) || !maps.Equal(got, want) || r.Copied != 1 || r.Equal != 2 ||
		r.Compared != n || r.Present != n-3 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, f := range r.Left {
		if f.Reason == "" {
			t.Errorf("%+v", f)
		}
	}
	mustRead(t, s.client, general, "size", []byte("longer than the source's"))
	mustRead(t, s.client, general, "bytes", []byte("Of the source"))
	mustRead(t, s.client, general, "new", []byte("of the source"))

	// A directory bucket has no tags.
	m := s.migration(tools.Target{Bucket: source, Key: "ta"}, tools.Target{Bucket: directory, Key: "ta"})
	r, err = s.installation().Migrate(t.Context(), m, tools.WalkOptions{})
	if !errors.Is(err, tools.ErrLeft) || r.Copied != 0 ||
		!maps.Equal(left(r, source), map[string]string{"tags": "refused tags"}) {
		t.Errorf("%+v, %v", r, err)
	}
	// The proxy has the last word.
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject",` +
		`"Resource":"arn:aws:s3:::` +
		general + `/denied/*"}]}`
	if _, err := s.client.PutBucketPolicy(t.Context(),
		&s3.PutBucketPolicyInput{Bucket: &general, Policy: &document}); err != nil {
		t.Fatal(err)
	}
	s.startProxy() // which has no record in its memory
	m = s.migration(tools.Target{Bucket: source, Key: "new"}, tools.Target{Bucket: general, Key: "denied/new"})
	m.From.Key, m.To.Key = "", "denied/"
	r, err = s.installation().Migrate(t.Context(), m, tools.WalkOptions{})
	if got := left(r, source)["new"]; !errors.Is(err, tools.ErrLeft) || got != "refused AccessDenied" || r.Copied != 0 {
		t.Errorf("%q: %+v, %v", got, r, err)
	}
}

// A migration doesn't begin where it could do harm.
func TestMigrateRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	makeBucket(t, s.raw, "clear")
	general := s.bucket("sealed")
	for name, c := range map[string]struct {
		from, to tools.Target
		resume   string
		usage    bool
	}{
		"in place": {from: tools.Target{Bucket: general}, to: tools.Target{Bucket: general}, usage: true},
		"out of a bucket it serves": {
			from: tools.Target{Bucket: general}, to: tools.Target{Bucket: s.bucket("another")},
			usage: true,
		},
		"out of the state bucket": {
			from: tools.Target{Bucket: s.stateBucket}, to: tools.Target{Bucket: general},
			usage: true,
		},
		"prefixes of two kinds": {
			from: tools.Target{Bucket: "clear", Key: "dir"},
			to:   tools.Target{Bucket: general, Key: "a/"}, usage: true,
		},
		"a resume file of something": {
			from: tools.Target{Bucket: "clear"}, to: tools.Target{Bucket: general},
			resume: `{"walk":"verify s3://other/"}`, usage: true,
		},
		"from nowhere": {from: tools.Target{Bucket: "nowhere"}, to: tools.Target{Bucket: general}},
		"to nowhere":   {from: tools.Target{Bucket: "clear"}, to: tools.Target{Bucket: "nowhere"}},
	} {
		var o tools.WalkOptions
		if c.resume != "" {
			o.Resume = writeFile(t, c.resume)
		}
		r, err := s.installation().Migrate(t.Context(), s.migration(c.from, c.to), o)
		if err == nil || r != nil || errors.Is(err, tools.ErrUsage) != c.usage ||
			!c.usage && !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	in := s.installation()
	in.Abilities.ConditionalPut = false
	if _, err := in.Migrate(t.Context(), s.migration(tools.Target{Bucket: "clear"}, tools.Target{Bucket: general}),
		tools.WalkOptions{}); err == nil {
		t.Error("a store without conditional PUT")
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

// Files that were laid into the embedded store's directory, where no S3 client has described them, are migrated, too.
func TestMigrateFilesThatNoClientWrote(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "migratefiles")
	bucket, _ := s.directoryBucket("migratefiles")
	files := map[string][]byte{"a": []byte("a"), "below/b": random(5*mib + 7), "empty": nil}
	for name, body := range files {
		file := filepath.Join(localDir, "objects", "migratefiles-clear", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.migrate("migratefiles-clear", bucket, tools.WalkOptions{})
	if err != nil || r.Equal != int64(len(files)) || r.Copied != r.Equal {
		t.Errorf("%+v, %v", r, err)
	}
	for name, body := range files {
		mustRead(t, s.client, bucket, name, body)
	}
}
