package tools_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
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
