package tools_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/proxy/tools"
	"sealfront/sigv4"
)

// What no listing shows is said: uploads in progress, and earlier versions.
func TestToolsSayWhatTheyDoNotSee(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "unseen")
	bucket := s.bucket("unseen-general")
	s.put(bucket, "k", []byte("x"))
	key := "dir/big"
	created, err := s.client.CreateMultipartUpload(t.Context(),
		&awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	makeBucket(t, s.raw, "unseen-clear")
	inTheClear := "unseen-clear"
	if _, err := s.raw.CreateMultipartUpload(t.Context(),
		&awss3.CreateMultipartUploadInput{Bucket: &inTheClear, Key: &key}); err != nil {
		t.Fatal(err)
	}
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("versioning") {
			_, _ = io.WriteString(w, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
			return true
		}
		return false
	}, nil)
	v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket, Key: ""},
		tools.WalkOptions{Out: io.Discard})
	if err != nil || len(v.Uploads) != 1 || v.Uploads[0].UploadID != *created.UploadId ||
		v.Uploads[0].URI != uri(bucket, key) || v.Uploads[0].Initiated == "" ||
		!slices.ContainsFunc(v.Notes, func(note string) bool { return strings.Contains(note, "the bucket has versions") }) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket, Key: "k"},
		tools.WalkOptions{Out: io.Discard}); err != nil || len(v.Uploads) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
	if err != nil || len(r.Uploads) != 1 || len(r.Notes) == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	m, err := s.migrate("unseen-clear", bucket, tools.WalkOptions{})
	if err != nil || !slices.ContainsFunc(m.Notes,
		func(note string) bool { return strings.Contains(note, "1 uploads are in progress") }) {
		t.Errorf("%+v, %v", m, err)
	}
}

// garble makes the store list a key by a name that isn't its own.
func (s *site) garble(key string) {
	s.front.set(nil, func(r *http.Response) {
		if r.Request.Method != http.MethodGet || !r.Request.URL.Query().Has("list-type") || r.StatusCode != http.StatusOK {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Error(err)
		}
		body = bytes.ReplaceAll(body, []byte("<Key>"+key+"</Key>"),
			[]byte("<Key>"+key[:1]+"%EF%BF%BD"+key[2:]+"</Key>"))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	})
}

// A name that isn't an object's own, and whose own can't be found out, is a finding.
func TestNamesThatTheStoreGarbles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("garbled")
	for _, key := range []string{"a", "bad", "c"} {
		s.put(bucket, key, []byte("x"))
	}
	makeBucket(t, s.raw, "clear")
	put(t, s.raw, "clear", "bad", nil, awss3.PutObjectInput{})
	s.garble("bad")
	in := s.installation()
	in.Abilities = store.Abilities{ConditionalPut: true} // it wasn't probed
	var out bytes.Buffer
	v, err := in.Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: &out, Watch: newWatched()})
	if !errors.Is(err, tools.ErrFound) || v.Unchecked != 1 || v.Checked != 2 ||
		!strings.Contains(out.String(), "a name that isn't its own") {
		t.Errorf("%+v, %v: %s", v, err, &out)
	}
	r, err := in.Rewrap(t.Context(), tools.Target{Bucket: bucket}, tools.RewrapOptions{})
	if !errors.Is(err, tools.ErrFound) || r.Rewrapped != 2 || len(r.Left) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	m, err := in.Migrate(t.Context(), s.migration(tools.Target{Bucket: "clear"}, tools.Target{Bucket: bucket}),
		tools.WalkOptions{})
	if !errors.Is(err, tools.ErrLeft) || m.Copied != 0 || len(m.Left) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	a := &tools.Adoption{
		Bucket: "lost", ARN: "arn:aws:s3:::lost", KMSKey: s.serviceKey, StoreName: "clear", Account: account, Region: region,
		Sample: 1,
	}
	if r, err := in.Adopt(t.Context(), a); !errors.Is(err, tools.ErrFound) || len(r.Left) != 1 || r.Made {
		t.Errorf("%+v, %v", r, err)
	}
}

// A report or a resume file that can't be written ends the walk.
func TestWalksEndWhereNobodyCanBeTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("written")
	s.put(bucket, "k", []byte("x"))
	s.replace(bucket, "k", &stored{body: []byte("x")})
	_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: brokenPipe{}})
	if err == nil || !strings.Contains(err.Error(), "write the report: broken pipe") {
		t.Error(err)
	}
	o := tools.WalkOptions{Out: io.Discard, Resume: filepath.Join(t.TempDir(), "none", "resume")}
	if _, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, o); err == nil ||
		!strings.Contains(err.Error(), "write the resume file") {
		t.Error(err)
	}
	o.Resume = t.TempDir()
	if _, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, o); err == nil ||
		!strings.Contains(err.Error(), "read the resume file") {
		t.Error(err)
	}
}

// The Object Lock that protects an object goes with the version that takes its place; a retention that is over can't be
// set again.
func TestRewrapKeepsWhatProtectsAnObject(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lock := func(until string) *objects.Source {
		o := &objects.Source{}
		for _, f := range [][2]string{
			{objects.ClassHeader, "GLACIER"},
			{objects.LockMode, "GOVERNANCE"},
			{objects.LockUntil, until},
			{objects.LockHold, "ON"},
			{"x-amz-meta-sealfront-redirect", "/x"},
		} {
			if f[1] != "" {
				o.Attributes = append(o.Attributes, sigv4.Field{Name: []byte(f[0]), Value: []byte(f[1])})
			}
		}
		return o
	}
	for until, want := range map[string]int{"2026-01-01T00:00:01Z": 5, "2026-01-01T00:00:00Z": 3, "tomorrow": 3, "": 3} {
		kept := tools.KeptWith(lock(until), now)
		if len(kept) != want || string(kept[0].Value) != "GLACIER" ||
			slices.ContainsFunc(kept, func(f sigv4.Field) bool { return string(f.Name) == objects.LockMode }) != (want == 5) {
			t.Errorf("until %q: %s", until, kept)
		}
	}
}

// A composite checksum of any algorithm that S3 has is migrated where the store doesn't show the parts' own: they are
// made of the parts' bytes.
func TestMigrateCompositeChecksumsOfPartsThatAreNotShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	makeBucket(t, s.raw, "clear")
	bucket := s.bucket("sealed")
	body := random(5*mib + 3)
	var kinds []*s3.ChecksumKind
	for i := range s3.ChecksumKinds {
		kind := &s3.ChecksumKinds[i]
		kinds = append(kinds, kind)
		put(t, s.raw, "clear", kind.Name, body, awss3.PutObjectInput{})
	}
	// The memory store has neither parts nor checksums: the front has.
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		number := r.URL.Query().Get("partNumber")
		switch ofSource := strings.HasPrefix(r.URL.Path, "/clear/"); {
		case ofSource && r.URL.Query().Has("attributes"):
			w.WriteHeader(http.StatusNotImplemented)
		case ofSource && number != "":
			w.Header().Set("x-amz-mp-parts-count", "2")
			w.Header().Set("Content-Length", map[string]string{"1": strconv.Itoa(5 * mib), "2": "3"}[number])
			w.WriteHeader(http.StatusPartialContent)
		default:
			return false
		}
		return true
	}, func(r *http.Response) {
		name, ofSource := strings.CutPrefix(r.Request.URL.Path, "/clear/")
		kind := s3.ChecksumByName(name)
		if !ofSource || kind == nil || r.StatusCode >= 300 {
			return
		}
		whole := kind.Make()
		for _, part := range [][]byte{body[:5*mib], body[5*mib:]} {
			h := kind.Make()
			h.Write(part)
			whole.Write(h.Sum(nil))
		}
		r.Header.Set(kind.Header, base64.StdEncoding.EncodeToString(whole.Sum(nil))+"-2")
		r.Header.Set("x-amz-checksum-type", "COMPOSITE")
	})
	m, err := s.migrate("clear", bucket, tools.WalkOptions{})
	if !errors.Is(err, tools.ErrLeft) || len(m.Left) != 1 || !strings.HasSuffix(m.Left[0].URI, "CRC64NVME") ||
		m.Left[0].State != "refused" || m.Equal != int64(len(kinds)-1) {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, kind := range kinds {
		if kind.Composite {
			out, err := s.client.HeadObject(t.Context(),
				&awss3.HeadObjectInput{Bucket: &bucket, Key: &kind.Name, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil || out.ChecksumType != types.ChecksumTypeComposite {
				t.Errorf("%s: %+v, %v", kind.Name, out, err)
			}
		}
	}
}
