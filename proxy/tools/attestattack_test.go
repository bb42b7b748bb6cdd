package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/proxy/attestation"
	"sealfront/proxy/objects"
	"sealfront/proxy/tools"
)

// With KMS refusing, or away, the statement says first that nothing opened, and isn't clean. Where only one of the keys
// is disabled, what lies under it is one finding.
func TestAttestWithoutKMSSaysThatNothingOpened(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, key := s.directoryBucket("closed")
	s.putMany(bucket, 30)
	s.disable(key)
	dir := filepath.Join(t.TempDir(), "disabled")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 5}); !errors.Is(err, tools.ErrNotClean) ||
		!strings.Contains(err.Error(), "nothing opened") {
		t.Error(err)
	}
	st := checkAttested(t, s, dir)
	if st.Verdict != attestation.NothingOpened || !strings.HasPrefix(st.Conclusions[0], "Nothing opened") ||
		st.Objects.Sealed != 30 || st.Opening.Opened != 0 || len(st.Opening.Refused) != 1 ||
		st.Opening.Refused[0].Answer != "DisabledException" || st.Opening.Refused[0].Objects != 30 {
		t.Errorf("%s %q %+v", st.Verdict, st.Conclusions, st.Opening)
	}
	for _, row := range st.Sample {
		if row.Opened || row.Unopened != "DisabledException" || row.SHA256 == "" {
			t.Errorf("%+v", row)
		}
	}

	// KMS doesn't answer at all.
	away := s.installation(func(o *objects.Options) { o.Keys = s.keysWithoutKMS() })
	dir = filepath.Join(t.TempDir(), "away")
	if _, err := s.attestBy(away, tools.Target{Bucket: bucket}, tools.AttestOptions{Dir: dir, Sample: 5}); err == nil {
		t.Error("it passes")
	}
	if st := checkAttested(t, s, dir); st.Verdict != attestation.NothingOpened ||
		st.Opening.Refused[0].Answer != "KMS did not answer" {
		t.Errorf("%s %+v", st.Verdict, st.Opening)
	}

	// It was away from the start: there is no state, and nothing to sign with.
	blind := s.installation(func(o *objects.Options) { o.Keys = s.keysWithoutKMS() })
	blind.State = nil
	dir = filepath.Join(t.TempDir(), "blind")
	made, err := s.attestBy(blind, tools.Target{Bucket: bucket},
		tools.AttestOptions{Dir: dir, Sample: 5, StoreBucket: bucket})
	if !errors.Is(err, tools.ErrNotClean) || made == nil {
		t.Fatal(err)
	}
	if st := made.Statement; st.Verdict != attestation.NothingOpened || st.PublicKey != "" || st.Bucket.ARN != "" ||
		st.Objects.Sealed != 30 || !strings.Contains(st.NotProven[0], "KMS could not be reached") {
		t.Errorf("%+v", st)
	}
	if _, err := attestation.Open(made.Line, nil); !errors.Is(err, attestation.ErrUnsigned) {
		t.Error(err)
	}

	// One key of two.
	general := s.bucket("two-keys")
	s.putMany(general, 10)
	s.putUnder(general, "closed", key2(s))
	if _, err := s.attest(general, tools.AttestOptions{Dir: filepath.Join(t.TempDir(), "one"), Sample: 20}); err == nil ||
		!strings.Contains(err.Error(), "findings") {
		t.Error(err)
	}
}

// key2 is another key, whose objects shall not open.
func key2(s *site) string { return s.newKey() }

// putUnder puts an object under SSE-KMS and disables the key.
func (s *site) putUnder(bucket, name, key string) {
	s.t.Helper()
	put(s.t, s.client, bucket, name, []byte("x"), awss3.PutObjectInput{
		ServerSideEncryption: "aws:kms", SSEKMSKeyId: &key,
	})
	s.disable(key)
}

// A full scan reads every byte: it finds what lies between a true envelope and a true end, and says of each object what
// its bytes are.
func TestAFullScanFindsWhatLiesBetween(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("between")
	body := random(5*crypto.SegmentSize + 100)
	for _, key := range []string{"a", "b", "c", "d"} {
		s.put(bucket, key, body)
	}
	s.put(bucket, "empty", nil)
	upload(t, s.client, bucket, "parts", awss3.CreateMultipartUploadInput{}, random(5*mib), random(5*mib+7), random(3))
	b, c := s.stored(bucket, "b"), s.stored(bucket, "c")
	copy(b.body[crypto.SealedSegmentSize:], bytes.Repeat([]byte("secret "), 10_000))
	s.replace(bucket, "b", b)
	c.body[100] ^= 1
	s.replace(bucket, "c", c)
	sampled := filepath.Join(t.TempDir(), "sampled")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: sampled, Sample: 0}); err != nil {
		t.Errorf("nothing but the ends: %v, %+v", err, checkAttested(t, s, sampled).Findings)
	}
	if st := checkAttested(t, s, sampled); !strings.Contains(strings.Join(st.NotProven, "\n"), "outside of the sample") ||
		st.Read.Whole != 0 || st.Read.OtherBytes != st.Objects.Bytes {
		t.Errorf("%+v", st)
	}
	full := filepath.Join(t.TempDir(), "full")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: full, Sample: 3, Full: true}); !errors.Is(err,
		tools.ErrNotClean) {
		t.Error(err)
	}
	st := checkAttested(t, s, full)
	s.wantKinds(st, map[string]string{
		uri(bucket, "b"): attestation.InTheClear, uri(bucket, "c"): attestation.DamagedSegment,
	})
	if st.Read.Whole != 6 || st.Read.OtherBytes != 0 || st.Opening.Bodies != 4 || st.Read.WholeBytes != st.Objects.Bytes {
		t.Errorf("%+v %+v", st.Read, st.Opening)
	}
}

// An object that is overwritten or deleted, again and again, while the scan reads it is no finding.
func TestWhatChangesDuringTheScanIsNoFinding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("moving")
	s.putMany(bucket, 60)
	stop, ctx := make(chan struct{}), context.Background()
	var clients sync.WaitGroup
	for w := range 3 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("filled/%05d", (i*7+w)%60)
				if i%5 == 0 {
					_, _ = s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key})
				}
				_, _ = s.client.PutObject(ctx, &awss3.PutObjectInput{
					Bucket: &bucket, Key: &key, Body: bytes.NewReader(random(i % 3000 * 40)),
				})
			}
		})
	}
	for i := range 6 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
		_, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 20, Full: i%2 == 1, Slack: 2 * time.Minute})
		st := checkAttested(t, s, dir)
		if err != nil {
			t.Errorf("%v: %+v", err, st.Findings)
		}
	}
	close(stop)
	clients.Wait()
}

// A store that loses a name between two pages of its listing, always the same or only once, is found out by the second
// listing, and the object is looked at.
func TestAStoreThatLosesNamesBetweenPages(t *testing.T) {
	t.Parallel()
	// at the end of a page, at the beginning of one, and for the second listing
	for _, lost := range []int{999, 1000, 612} {
		s := newSite(t)
		bucket, _ := s.directoryBucket("lost")
		s.putMany(bucket, 1100)
		key := fmt.Sprintf("filled/%05d", lost)
		s.front.set(nil, func(r *http.Response) {
			q := r.Request.URL.Query()
			of := map[int]string{999: "1000", 1000: "1000", 612: "613"}[lost]
			if q.Has("list-type") && q.Get("max-keys") == of {
				dropFromListing(t, r, key)
			}
		})
		dir := filepath.Join(t.TempDir(), "scan")
		if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 3}); !errors.Is(err, tools.ErrNotClean) {
			t.Error(err)
		}
		st := checkAttested(t, s, dir)
		s.wantKinds(st, map[string]string{uri(bucket, key): attestation.Unlisted})
		if st.Objects.Current != 1100 || st.Opening.Opened != 1100 {
			t.Errorf("%+v", st.Objects)
		}
	}
}

// A store that lists what it doesn't have.
func TestAStoreThatListsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("phantoms")
	s.putMany(bucket, 5)
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/filled/00003") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			return true
		}
		return false
	}, nil)
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 0}); !errors.Is(err, tools.ErrNotClean) {
		t.Error(err)
	}
	s.wantKinds(checkAttested(t, s, dir), map[string]string{uri(bucket, "filled/00003"): attestation.Phantom})
}

// A store that gives other bytes the second time, under the same ETag, is found out, whichever of the two are sealed.
func TestAStoreThatGivesOtherBytesTheSecondTime(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		s := newSite(t)
		bucket, _ := s.directoryBucket("two-faced")
		s.put(bucket, "k", random(100_000))
		var reads atomic.Int64
		s.front.set(nil, func(r *http.Response) {
			if r.Request.Method != http.MethodGet || !strings.HasSuffix(r.Request.URL.Path, "/k") ||
				r.Request.Header.Get("Range") != "" || reads.Add(1)%2 == 1 {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("secret!"), len(body))[:len(body)]))
		})
		dir := filepath.Join(t.TempDir(), "scan")
		if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 1, Full: full}); !errors.Is(err,
			tools.ErrNotClean) {
			t.Error(err)
		}
		st := checkAttested(t, s, dir)
		if kind := kinds(st)[uri(bucket, "k")]; !strings.Contains(kind, attestation.Unstable) {
			t.Errorf("full %v: %q", full, kind)
		}
	}
}

// Uploads in progress are counted with their parts; one that no record of the proxy knows is a finding once it is old.
func TestAttestCountsUploadsAndFindsThoseOfOthers(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "attest-uploads")
	bucket := s.bucket("attest-uploads-b")
	s.put(bucket, "k", []byte("x"))
	begin := func(c *awss3.Client, key string) string {
		created, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		number := int32(1)
		if _, err := c.UploadPart(t.Context(), &awss3.UploadPartInput{
			Bucket: &bucket, Key: &key, UploadId: created.UploadId, PartNumber: &number, Body: bytes.NewReader(random(5 * mib)),
		}); err != nil {
			t.Fatal(err)
		}
		return *created.UploadId
	}
	own, foreign := begin(s.client, "in progress"), begin(s.raw, "of others")
	young := filepath.Join(t.TempDir(), "young")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: young, Sample: 1, Grace: 48 * time.Hour}); err != nil {
		t.Error(err)
	}
	dir := filepath.Join(t.TempDir(), "scan")
	var out bytes.Buffer
	_, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 1, Walk: tools.WalkOptions{Out: &out, JSON: true}})
	if !errors.Is(err, tools.ErrNotClean) {
		t.Error(err)
	}
	st := checkAttested(t, s, dir)
	s.wantKinds(st, map[string]string{uri(bucket, "of others"): attestation.UnknownUpload})
	if st.Objects.Uploads != 2 || st.Objects.Parts != 2 || st.Objects.PartBytes < 10*mib {
		t.Errorf("%+v", st.Objects)
	}
	ids := map[string]bool{}
	for _, u := range st.Uploads {
		ids[u.Upload] = true
	}
	var f attestation.Finding
	if !ids[own] || !ids[foreign] || json.Unmarshal(out.Bytes(), &f) != nil || f.Upload != foreign {
		t.Errorf("%v %s", ids, &out)
	}
	elsewhere := filepath.Join(t.TempDir(), "prefix")
	if _, err := s.attestBy(s.installation(), tools.Target{Bucket: bucket, Key: "k"},
		tools.AttestOptions{Dir: elsewhere, Sample: 1}); err != nil {
		t.Error(err)
	}
}

// On a store whose listings don't show all characters, a name with one of them is found out and named.
func TestAttestNamesWhatAListingCanNotShow(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "attest-names")
	bucket := s.bucket("attest-names-b")
	s.put(bucket, "k", []byte("x"))
	s.replace(bucket, "odd \x01 name", &stored{body: []byte("clear text")})
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 5}); !errors.Is(err, tools.ErrNotClean) {
		t.Error(err)
	}
	s.wantKinds(checkAttested(t, s, dir), map[string]string{
		tools.Target{Bucket: bucket, Key: "odd \x01 name"}.URI(): attestation.InTheClear,
	})

	memory := newSite(t)
	garbled, _ := memory.directoryBucket("garbled")
	for _, key := range []string{"a", "bad", "c"} {
		memory.put(garbled, key, []byte("x"))
	}
	memory.garble("bad")
	in := memory.installation()
	in.Abilities.Names.Characters = 0
	dir = filepath.Join(t.TempDir(), "garbled")
	if _, err := memory.attestBy(in, tools.Target{Bucket: garbled}, tools.AttestOptions{Dir: dir}); !errors.Is(err,
		tools.ErrNotClean) {
		t.Error(err)
	}
	memory.wantKinds(checkAttested(t, memory, dir), map[string]string{
		uri(garbled, "b\ufffdd"): attestation.UnknownName,
	})
}

// wavering is a key service whose first Decrypt gets no answer.
type wavering struct {
	keyring.KMS
	calls atomic.Int64
}

func (w *wavering) Decrypt(ctx context.Context, key string, blob []byte, context map[string]string) ([]byte, error) {
	if w.calls.Add(1) == 1 {
		return nil, errors.New("no answer")
	}
	return w.KMS.Decrypt(ctx, key, blob, context)
}

// A report that can't be written, a directory that can't be made, and a store that fails end the scan, or are findings.
func TestAttestWhereNothingCanBeWrittenOrRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("failing")
	s.put(bucket, "k", []byte("x"))
	s.put(bucket, "l", []byte("x"))
	s.replace(bucket, "k", &stored{body: []byte("text")})
	if _, err := s.attest(bucket, tools.AttestOptions{Walk: tools.WalkOptions{Out: brokenPipe{}}}); err == nil ||
		!strings.Contains(err.Error(), "broken pipe") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: filepath.Join(file, "dir")}); err == nil {
		t.Error("a directory in a file")
	}
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/l") {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}, nil)
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 0}); !errors.Is(err, tools.ErrNotClean) {
		t.Error(err)
	}
	s.wantKinds(checkAttested(t, s, dir), map[string]string{
		uri(bucket, "k"): attestation.InTheClear, uri(bucket, "l"): attestation.Unchecked,
	})
	// What may not be listed isn't taken for absent.
	for _, list := range []string{"versions", "uploads"} {
		s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has(list) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
				return true
			}
			return false
		}, nil)
		if _, err := s.attest(bucket, tools.AttestOptions{}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", list, err)
		}
	}
}
