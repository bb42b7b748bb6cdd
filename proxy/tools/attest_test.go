package tools_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/proxy/attestation"
	"sealfront/proxy/objects"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/state"
	"sealfront/proxy/tools"
)

// noKMS is a key service that refuses every call.
type noKMS struct{ keyring.KMS }

func (noKMS) GenerateDataKey(context.Context, string, map[string]string) ([]byte, []byte, error) {
	return nil, nil, errors.New("KMS is not called")
}

func (noKMS) Decrypt(context.Context, string, []byte, map[string]string) ([]byte, error) {
	return nil, errors.New("KMS is not called")
}

// keysWithoutKMS are bucket keys that nothing opens.
func (s *site) keysWithoutKMS() *keyring.Keyring {
	k := keyring.New(noKMS{}, keyring.Options{})
	s.t.Cleanup(k.Close)
	return k
}

// attest scans a bucket. All that there is counts as old.
func (s *site) attest(bucket string, o tools.AttestOptions) (*tools.Attested, error) {
	s.t.Helper()
	return s.attestBy(s.installation(), tools.Target{Bucket: bucket}, o)
}

func (s *site) attestBy(in *tools.Installation, t tools.Target, o tools.AttestOptions) (*tools.Attested, error) {
	s.t.Helper()
	in.WithoutKMS = s.objects(func(o *objects.Options) { o.Keys = s.keysWithoutKMS() })
	if o.Dir == "" {
		o.Dir = filepath.Join(s.t.TempDir(), "attested")
	}
	if o.Walk.Out == nil {
		o.Walk.Out = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Grace, o.Slack = cmp.Or(o.Grace, -24*time.Hour), cmp.Or(o.Slack, -24*time.Hour)
	o.Pause = cmp.Or(o.Pause, time.Millisecond)
	if in.State != nil {
		o.Key = in.State.SigningKey(attestation.Purpose)
		proxytest.Eventually(s.t, "what completed uploads have left is removed", func() bool { return !s.removing(t.Bucket) })
	}
	return in.Attest(s.t.Context(), t, o)
}

// removing reports whether stashes of uploads that have ended are still there: they are removed behind clients' backs.
func (s *site) removing(bucket string) (some bool) {
	s.t.Helper()
	record, err := s.state.Bucket(s.t.Context(), bucket)
	if err != nil {
		return false // the tool says so
	}
	if err := s.state.Stashes(s.t.Context(), record, func(stash *state.Stash) error {
		some = some || !stash.Ended.IsZero()
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return some
}

// checkAttested checks a statement's signature and its list.
func checkAttested(t *testing.T, s *site, dir string) *attestation.Statement {
	t.Helper()
	line, err := os.ReadFile(filepath.Join(dir, "statement.json"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := attestation.Open(line, s.state.SigningKey(attestation.Purpose).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.Open(filepath.Join(dir, "objects.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if err := attestation.Check(opened, list); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"journal.json", "statement.json.new"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			t.Errorf("%s is left", file)
		}
	}
	return opened
}

// kinds are a statement's findings: kind by URI, with "@" and the version of an older one.
func kinds(st *attestation.Statement) map[string]string {
	found := map[string]string{}
	for _, f := range st.Findings {
		name := f.URI
		if f.Version != "" {
			name += "@" + f.Version
		}
		found[name] = strings.TrimPrefix(found[name]+" "+f.Kind, " ")
	}
	return found
}

func (s *site) wantKinds(st *attestation.Statement, want map[string]string) {
	s.t.Helper()
	got := kinds(st)
	for name, kind := range want {
		if got[name] != kind {
			s.t.Errorf("%s: %q, want %q", name, got[name], kind)
		}
		delete(got, name)
	}
	for name, kind := range got {
		s.t.Errorf("%s is no finding, and was reported as %q", name, kind)
	}
	for _, f := range st.Findings {
		if f.Why == "" || f.Do == "" {
			s.t.Errorf("%s doesn't say why or what to do: %+v", f.URI, f)
		}
	}
}

// putMany puts n small objects, several at a time.
func (s *site) putMany(bucket string, n int) {
	s.t.Helper()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := w; i < n; i += 8 {
				s.put(bucket, fmt.Sprintf("filled/%05d", i), random(i%7*100))
			}
		})
	}
	workers.Wait()
}

// olderVersions has the front answer ListObjectVersions for a bucket whose store has no versions, with one older
// version of a key, which is given.
func (s *site) olderVersions(
	bucket, key, version string, old *stored,
) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		switch {
		case q.Get("versionId") == version:
			for name, value := range old.metadata {
				w.Header().Set(objects.UserMetadata+name, value)
			}
			w.Header().Set("Etag", `"older"`)
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(old.body))
			return true
		case !q.Has("versions"):
			return false
		}
		var page strings.Builder
		more, err := s.direct.Objects(bucket).List(r.Context(), q.Get("prefix"), q.Get("key-marker"),
			func(name, etag string, size int64, modified time.Time) {
				line := func(version, etag string, latest bool, size int) {
					fmt.Fprintf(&page, "<Version><Key>%s</Key><VersionId>%s</VersionId><IsLatest>%v</IsLatest>"+
						"<LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Version>", escape(name), version, latest,
						modified.UTC().Format(time.RFC3339), etag, size)
				}
				line("null", etag, true, int(size))
				if name == key {
					line(version, "&quot;older&quot;", false, len(old.body))
				}
			})
		if err != nil {
			s.t.Error(err)
		}
		fmt.Fprintf(w,
			"<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>%v</IsTruncated>%s</ListVersionsResult>",
			more, page.String())
		return true
	}
}

func escape(name string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26", "<", "%3C", "\x01", "%01").Replace(name)
}

// Of ten thousand objects, those that are not sealed as they should be are named, each as what it is, and nothing else.
func TestAttestNamesExactlyWhatIsNotSealed(t *testing.T) {
	t.Parallel()
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	s := newSite(t)
	bucket, key := s.directoryBucket("attested")
	began := time.Now()
	s.putMany(bucket, n)
	t.Logf("%d objects in %v", n, time.Since(began))
	planted := s.plant(bucket)
	began = time.Now()
	dir := filepath.Join(t.TempDir(), "scan")
	made, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 50})
	t.Logf("scanned in %v", time.Since(began))
	if !errors.Is(err, tools.ErrNotClean) {
		t.Fatal(err)
	}
	st := checkAttested(t, s, dir)
	s.wantKinds(st, planted.want)
	if st.Verdict != attestation.Found || len(st.Sample) != 50 || st.Objects.Current != int64(n)+planted.objects ||
		st.Objects.Versions != 1 || st.Opening.Opened != int64(n)+planted.sealed ||
		st.Opening.WithoutKMS.Opened != 0 || st.Opening.WithoutKMS.Tried < 30 {
		t.Errorf("%+v\n%+v\n%+v", st.Objects, st.Opening, st.Conclusions)
	}
	if len(st.Keys) < 1 || !slices.ContainsFunc(st.Keys, func(k attestation.KeyUse) bool {
		return k.KMSKey == key && k.Opened == int64(n)+planted.sealed && k.Blobs >= 1
	}) {
		t.Errorf("%+v", st.Keys)
	}
	if made.SHA256 != attestation.Sum(made.Line) {
		t.Error("the statement's SHA-256 isn't that of its line")
	}
}

// What an object is found to be doesn't depend on how much of it is read, nor on whether the sample has it.
func TestFindingsDoNotDependOnTheSample(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("drawn")
	planted := s.plant(bucket)
	for name, o := range map[string]tools.AttestOptions{
		"none": {}, "all": {Sample: 100}, "full": {Full: true}, "full, and all": {Full: true, Sample: 100},
	} {
		o.Dir = filepath.Join(t.TempDir(), "scan")
		if _, err := s.attest(bucket, o); !errors.Is(err, tools.ErrNotClean) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(name)
		s.wantKinds(checkAttested(t, s, o.Dir), planted.want)
	}
}

// A planting is what a test puts into a store past the proxy.
type planting struct {
	want            map[string]string // kinds of findings by URI
	objects, sealed int64             // in all, and those that open
}

func (s *site) plant(bucket string) planting {
	s.t.Helper()
	p := planting{want: map[string]string{}}
	text := []byte(strings.Repeat("name,amount\nmiller,1200\n", 2000))
	add := func(key, kind string, o *stored) {
		s.t.Helper()
		s.replace(bucket, key, o)
		p.want[tools.Target{Bucket: bucket, Key: key}.URI()] = kind
		p.objects++
	}
	whole := func(key string, body []byte) *stored {
		s.t.Helper()
		s.put(bucket, key, body)
		p.objects++
		p.sealed++
		return s.stored(bucket, key)
	}
	large := whole("whole/large", random(3*crypto.SegmentSize))
	small := whole("whole/small", random(10))
	whole("whole/empty", nil)

	add("planted/in the clear", attestation.InTheClear, &stored{body: text})
	add("planted/short text", attestation.InTheClear, &stored{body: []byte("a password")})
	add("planted/stripped", attestation.Stripped, &stored{body: large.body})
	add("planted/stripped, small", attestation.Stripped, &stored{body: small.body})
	add("planted/foreign", attestation.Foreign, &stored{body: random(100_000)})
	add("planted/foreign envelope", attestation.Foreign, &stored{
		body: random(1000), metadata: map[string]string{envelope: "bm90IG91cnM"},
	})
	add("planted/another's", attestation.Misplaced, large)
	add("planted/clear under another's envelope", attestation.InTheClear, &stored{
		body: bytes.Repeat([]byte("plain"), len(large.body)/5), metadata: large.metadata,
	})
	s.put(bucket, "planted/clear under its envelope", random(1000))
	under := s.stored(bucket, "planted/clear under its envelope")
	under.body = bytes.Repeat([]byte("plain"), len(under.body))[:len(under.body)]
	add("planted/clear under its envelope", attestation.InTheClear, under)
	add("planted/U+0001: \x01", attestation.InTheClear, &stored{body: text})

	upload(s.t, s.client, bucket, "planted/missing part", s3.CreateMultipartUploadInput{}, random(5*mib), random(5*mib),
		random(3))
	parts := s.stored(bucket, "planted/missing part")
	part := int(crypto.SealedLength(5 * mib))
	parts.body = append(parts.body[:part:part], parts.body[2*part:]...)
	add("planted/missing part", attestation.DamagedTrailer, parts)

	whole("planted/wrong key", random(100))
	wrong := s.stored(bucket, "planted/wrong key")
	raw, err := base64.RawURLEncoding.DecodeString(wrong.metadata[envelope])
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := crypto.ParseEnvelope(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	e.KeyARN = s.newKey()
	wrong.metadata[envelope] = string(e.AppendText(nil))
	p.objects, p.sealed = p.objects-1, p.sealed-1
	add("planted/wrong key", attestation.WrongKey, wrong)

	// Outside of listings: what only one listing shows, and what lies in the state bucket.
	whole("planted/unlisted", random(50))
	p.want[uri(bucket, "planted/unlisted")] = attestation.Unlisted
	left := fmt.Sprintf("uploads/%s/%064d/stash/00001-%032d", bucket, 1, 2)
	s.replace(s.stateBucket, left, &stored{body: random(200)})
	p.want[uri(s.stateBucket, left)] = attestation.Leftover

	older := s.olderVersions(bucket, "whole/small", "v1", &stored{body: text})
	p.want[uri(bucket, "whole/small")+"@v1"] = attestation.InTheClear
	s.front.set(older, func(r *http.Response) {
		if r.Request.URL.Query().Has("list-type") && !strings.Contains(r.Request.URL.Path, s.stateBucket) {
			dropFromListing(s.t, r, "planted/unlisted")
		}
	})
	return p
}

// dropFromListing takes an object out of a listing.
func dropFromListing(t *testing.T, r *http.Response, key string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if at := bytes.Index(body, []byte("<Key>"+key+"</Key>")); at >= 0 {
		start := bytes.LastIndex(body[:at], []byte("<Contents>"))
		end := at + bytes.Index(body[at:], []byte("</Contents>")) + len("</Contents>")
		body = append(body[:start:start], body[end:]...)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
}
