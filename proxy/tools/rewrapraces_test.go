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
	"testing"

	"sealfront/proxy/state"
	"sealfront/proxy/tools"
)

// A rewrap that is interrupted leaves every object readable, and the next one goes on where it was.
func TestRewrapInterruptedAndResumed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("interrupted")
	const n = 12
	key := func(i int) string { return fmt.Sprintf("%03d", i) }
	for i := range n {
		s.put(bucket, key(i), []byte(key(i)))
	}
	blob := s.sealedUnder(bucket, key(0)).Blob
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" && r.URL.Path == "/"+bucket+"/"+key(5) {
			cancel()
		}
		return false
	}, nil)
	o := tools.RewrapOptions{WalkOptions: tools.WalkOptions{
		Concurrency: 1, Rate: 1e6,
		Resume: filepath.Join(t.TempDir(), "resume"), Watch: newWatched(), Out: io.Discard,
	}}
	if _, err := s.installation().Rewrap(ctx, tools.Target{Bucket: bucket}, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.front.set(nil, nil)
	var position struct {
		After string
		Done  int64
	}
	text, err := os.ReadFile(o.Resume)
	if err := errors.Join(err, json.Unmarshal(text, &position)); err != nil || position.After != key(4) ||
		position.Done != 5 {
		t.Fatalf("the resume file is %s: %v", text, err)
	}
	behind := map[string]string{}
	for i := range n {
		mustRead(t, s.client, bucket, key(i), []byte(key(i)))
		if key(i) <= position.After {
			behind[key(i)] = s.stored(bucket, key(i)).metadata[envelope]
		}
	}
	r, err := s.rewrap(bucket, "", o)
	if err != nil || r.Rewrapped != n-5 || r.Objects != n || len(r.Notes) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	for i := range n {
		mustRead(t, s.client, bucket, key(i), []byte(key(i)))
		if bytes.Equal(s.sealedUnder(bucket, key(i)).Blob, blob) {
			t.Errorf("%s depends on the older bucket key", key(i))
		}
	}
	for key, was := range behind {
		if s.stored(bucket, key).metadata[envelope] != was {
			t.Errorf("%s was rewrapped a second time", key)
		}
	}
	if _, err := os.Stat(o.Resume); err == nil {
		t.Error("the resume file outlives its walk")
	}
}

// A client's write that comes between wins, and what it wrote is rewrapped; what is deleted meanwhile is gone, and what
// changes again and again is left.
func TestRewrapRaced(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*site){
		"by the store's copy": func(*site) {},
		"through":             func(s *site) { s.abilities.ConditionalCopy, s.abilities.AtomicSelfCopy = false, false },
		"in pieces":           func(s *site) { s.abilities.ConditionalCopy = false },
		"by way of another":   func(s *site) { s.abilities.ConditionalCopy, s.abilities.ConditionalComplete = false, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, change)
			bucket := s.bucket("raced")
			body := random(300_000)
			for _, key := range []string{"deleted", "replaced", "replaced again and again"} {
				s.put(bucket, key, body)
			}
			var deleted sync.Once
			var mu sync.Mutex
			newer := map[string]*stored{}
			for _, key := range []string{"replaced", "replaced again and again"} {
				s.put(bucket, key, []byte("newer"))
				newer[key] = s.stored(bucket, key)
				s.put(bucket, key, body)
			}
			replaced := false
			s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if final := r.Method == "PUT" && r.Header.Get("If-Match") != "" ||
					r.Method == "POST" && r.URL.Query().Has("uploadId"); !final {
					return false
				}
				switch key := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/"); {
				case key == "replaced" && !replaced:
					replaced = true
					s.replace(bucket, key, newer[key])
				case key == "replaced again and again":
					s.replace(bucket, key, newer[key])
				case key == "deleted":
					deleted.Do(func() { s.do(deletion(bucket, key)).Close() })
				}
				return false
			}, nil)
			r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
			s.front.set(nil, nil)
			if !errors.Is(err, tools.ErrFound) || r.Rewrapped != 1 || r.Gone != 1 || len(r.Left) != 1 ||
				r.Left[0].URI != uri(bucket, "replaced again and again") ||
				!strings.Contains(r.Left[0].Reason, "kept being replaced") {
				t.Errorf("%+v, %v", r, err)
			}
			for key, o := range newer {
				mustRead(t, s.client, bucket, key, []byte("newer"))
				if same := s.stored(bucket, key).metadata[envelope] == o.metadata[envelope]; same != (key != "replaced") {
					t.Errorf("%s has its envelope still: %v", key, same)
				}
			}
			s.mustVerify(bucket, 2)
		})
	}
}

// A rename that was interrupted is ended before its object is rewrapped: the source goes if the copy is in place, and
// stays otherwise.
func TestRewrapEndsAnInterruptedRename(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *site) { s.shared = true })
	bucket := s.bucket("renamed")
	record, err := s.state.FreshBucket(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"copied", "copy", "not copied"} {
		s.put(bucket, key, random(100))
	}
	for _, m := range []state.Move{{From: "copied", To: "copy"}, {From: "not copied", To: "nothing"}} {
		claim, err := s.state.Claim(t.Context(), record, "RenameObject", m.From)
		if err != nil {
			t.Fatal(err)
		}
		from := s.sealedUnder(bucket, m.From)
		m.FromSalt, m.ToSalt = from.WrapSalt[:], []byte("a salt of nothing")
		if m.To == "copy" {
			to := s.sealedUnder(bucket, m.To)
			m.ToSalt = to.WrapSalt[:]
		}
		if err := claim.Begin(record, &m); err != nil {
			t.Fatal(err)
		}
		claim.Release()
	}
	r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
	if err != nil || r.Rewrapped != 2 || r.Gone != 0 { // ended before anything was listed
		t.Errorf("%+v, %v", r, err)
	}
	if !gone(t, s.client, bucket, "copied") {
		t.Error("the source is there beside its copy")
	}
	for _, key := range []string{"copy", "not copied"} {
		mustRead(t, s.client, bucket, key, random(100))
	}
}
