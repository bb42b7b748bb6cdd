package tools_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/crypto/keyring"
	"sealfront/proxy/attestation"
	"sealfront/proxy/objects"
	"sealfront/proxy/tools"
)

// A scan that is cut off, anywhere, is continued where it was by the same call, and gives the list that one without a
// cut gives; the statement says so.
func TestAScanThatIsCutGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("cut")
	s.putMany(bucket, 2500)
	s.replace(bucket, "filled/01000", &stored{body: []byte("clear text")})
	dir := filepath.Join(t.TempDir(), "scan")
	cuts := 0
	for at := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		var requests atomic.Int64
		s.front.set(func(http.ResponseWriter, *http.Request) bool {
			if requests.Add(1) == int64(200+at*300) {
				cancel()
			}
			return false
		}, nil)
		in := s.installation()
		in.WithoutKMS = s.objects(func(o *objects.Options) { o.Keys = s.keysWithoutKMS() })
		made, err := in.Attest(ctx, tools.Target{Bucket: bucket}, tools.AttestOptions{
			Dir: dir, Sample: 10, Key: s.state.SigningKey(attestation.Purpose), Walk: tools.WalkOptions{Out: io.Discard},
			Now: time.Now, Slack: -24 * time.Hour,
		})
		cancel()
		if made != nil {
			if !errors.Is(err, tools.ErrNotClean) {
				t.Fatal(err)
			}
			break
		}
		cuts++
		// What a crash leaves: rows that the journal doesn't know, and half a line.
		list, err := os.OpenFile(filepath.Join(dir, "objects.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = list.WriteString(`{"row":{"seen":"listing","key":"zzz","stored":1}}` + "\n" + `{"row":{"seen":"li`)
		list.Close()
	}
	s.front.set(nil, nil)
	if _, err := os.Stat(filepath.Join(dir, "statement.json")); err != nil {
		if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 10}); !errors.Is(err, tools.ErrNotClean) {
			t.Fatal(err)
		}
	}
	st := checkAttested(t, s, dir)
	if cuts < 3 || len(st.Runs) < 4 || !strings.Contains(strings.Join(st.Conclusions, "\n"), "was cut off and continued") {
		t.Errorf("%d cuts, %d runs: %q", cuts, len(st.Runs), st.Conclusions)
	}
	went := false
	for _, run := range st.Runs {
		went = went || run.After != ""
	}
	if !went {
		t.Errorf("no run went on where one before it was: %+v", st.Runs)
	}
	if st.Objects.Current != 2500 || st.Opening.Opened != 2499 || len(st.Findings) != 1 {
		t.Errorf("%+v %+v", st.Objects, st.Findings)
	}
	// The directory is taken now, and one of another scan is never continued.
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 10}); !errors.Is(err, tools.ErrUsage) {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "statement.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 11}); !errors.Is(err, tools.ErrUsage) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "objects.jsonl"), []byte("{}\nnot a list\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 10}); !errors.Is(err, tools.ErrUsage) {
		t.Error(err)
	}
	if _, err := s.attest(bucket, tools.AttestOptions{Sample: -1}); !errors.Is(err, tools.ErrUsage) {
		t.Error(err)
	}
	if _, err := s.attest("none", tools.AttestOptions{}); err == nil {
		t.Error("a bucket that doesn't exist")
	}
}

// One answer that doesn't come, of the store or of KMS, is no finding: the object is read again.
func TestAttestTriesAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("again")
	s.putMany(bucket, 20)
	var gets atomic.Int64
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/filled/") && gets.Add(1)%5 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}, nil)
	keys := &wavering{KMS: s.kms}
	in := s.installation(func(o *objects.Options) { o.Keys = keyring.New(keys, keyring.Options{}) })
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attestBy(in, tools.Target{Bucket: bucket}, tools.AttestOptions{
		Dir: dir, Sample: 5, Walk: tools.WalkOptions{Concurrency: 1},
	}); err != nil {
		t.Error(err, checkAttested(t, s, dir).Findings)
	}
	if keys.calls.Load() < 2 {
		t.Errorf("KMS was called %d times", keys.calls.Load())
	}
}

// While one object takes long, what is done behind it and can't be recorded yet is bounded, and with it the memory.
func TestAttestWaitsForASlowObject(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("slow")
	const bound, n = 4000, 4600
	s.putMany(bucket, n)
	var gets atomic.Int64
	var most int64
	var once sync.Once
	s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/filled/") || r.Header.Get("Range") == "" {
			return false
		}
		gets.Add(1)
		if strings.HasSuffix(r.URL.Path, "/filled/00000") {
			once.Do(func() { // until nothing else is requested any more
				for before := int64(-1); before != gets.Load(); time.Sleep(300 * time.Millisecond) {
					before = gets.Load()
				}
				most = gets.Load()
			})
		}
		return false
	}, nil)
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 1}); err != nil {
		t.Error(err)
	}
	if st := checkAttested(t, s, dir); most > bound+bound/10 || st.Objects.Current != n {
		t.Errorf("%d objects were read while one was waited for; %+v", most, st.Objects)
	}
}
