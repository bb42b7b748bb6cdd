package status_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// A clock that is set by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// sources are those of a proxy whose counters are c.
func sources(h *status.History) *status.Sources {
	return &status.Sources{
		History: h,
		Health: func() []status.Standing {
			return []status.Standing{{Name: "store", State: "well"}, {Name: "kms", State: "hanging", Bad: true, Why: "timeout"}}
		},
		Buckets: func(_ context.Context, limit int) ([]status.Bucket, bool, error) {
			return []status.Bucket{{Name: "<b>"}}, limit < 1000, nil
		},
		Facts: func() []status.Fact { return []status.Fact{{Name: "version", Value: "1"}} },
		Row:   func(row string) string { return "why " + row },
		Ready: func() bool { return true },
	}
}

func TestReport(t *testing.T) {
	m := metrics.New()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h := status.NewHistory(m.Snapshot, c.Now)
	s := sources(h)
	for range 30 { // five minutes, in which a request in ten fails
		c.now = c.now.Add(status.Every)
		for i := range 20 {
			m.Request("GetObject", map[bool]string{true: "InternalError", false: "OK"}[i%10 == 0], 3*time.Millisecond)
		}
		for i := range 10 {
			m.Store("GetObject", map[bool]int{true: 200, false: 503}[i < 5], "", time.Second)
		}
		m.KMS("Decrypt", "AccessDeniedException", time.Millisecond)
		m.Bytes("in", 1000)
		m.Bytes("out", 2000)
		h.Sample()
	}
	r0, err := s.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	get := r0.Now.Operations["GetObject"]
	if len(r0.Now.Operations) != 1 || get.Rate != 2 || get.Failed != .2 || get.P50 < .0025 || get.P99 > .005 ||
		r0.Now.Store.Rate != 1 || r0.Now.Store.Failed != .5 || r0.Now.Store.P99 < .5 || r0.Now.KMS.Rate != .1 ||
		r0.Now.KMS.Failed != .1 || len(r0.Pieces[30].Operations) != 0 || !r0.Now.At.Equal(c.now) {
		t.Errorf("now: %+v", r0.Now)
	}
	for range 3 {
		m.BucketKeyHit()
	}
	m.BucketKeyMiss()
	m.Refusal("B1")
	m.Refusal("B2")
	m.Refusal("B2")
	m.Refusal("A9")
	r := settled(t, s)
	if r.Hour.Seconds != 300 || r.Hour.Rate != 2 || r.Hour.Failed != .2 || r.Hour.In != 100 || r.Hour.Out != 200 {
		t.Errorf("the hour: %+v", r.Hour)
	}
	if r.Now.Seconds != 10 || r.Now.Rate != 2 || r.Now.P50 < .0025 || r.Now.P99 > .005 {
		t.Errorf("now: %+v", r.Now)
	}
	if len(r.Pieces) != 31 || r.Pieces[3].Rate != 2 || r.Pieces[30].Seconds != 0 || r.Pieces[30].Rate != 0 {
		t.Errorf("%d pieces, %+v", len(r.Pieces), r.Pieces)
	}
	if r.Keys.HitRate != .75 || r.Operations["GetObject"] != 600 || !r.Ready || len(r.Health) != 2 ||
		len(r.Facts) != 1 {
		t.Errorf("%+v", r)
	}
	var rows []string
	for _, f := range r.Refusals {
		rows = append(rows, f.Row+" "+f.Why)
	}
	if strings.Join(rows, ", ") != "B2 why B2, A9 why A9, B1 why B1" {
		t.Errorf("refusals %q", rows)
	}
	if len(r.Buckets) != 1 || !r.MoreBuckets || r.BucketsWhy != "" {
		t.Errorf("buckets %+v, %t, %q", r.Buckets, r.MoreBuckets, r.BucketsWhy)
	}
	s = sources(h)
	s.Buckets = func(context.Context, int) ([]status.Bucket, bool, error) {
		return nil, false, errors.New("the store is away")
	}
	if r := settled(t, s); r.BucketsWhy != "the store is away" {
		t.Errorf("without the store: %+v", r)
	}
}

// settled is a report once the store has been read.
func settled(t *testing.T, s *status.Sources) *status.Report {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		r, err := s.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.BucketsWhy != "it is being read" && r.ReplicasWhy != "it is being read" {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatal("the store is never read")
		}
	}
}

// A history holds an hour, however long the process runs, and shows it by some sixty pieces.
func TestAHistoryIsAnHour(t *testing.T) {
	m := metrics.New()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h := status.NewHistory(m.Snapshot, c.Now)
	for range 3 * status.Kept {
		c.now = c.now.Add(status.Every)
		m.Request("GetObject", "OK", time.Millisecond)
		h.Sample()
	}
	r, err := sources(h).Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Hour.Seconds != 3600 || len(r.Pieces) < 59 || len(r.Pieces) > 61 {
		t.Errorf("%g seconds in %d pieces", r.Hour.Seconds, len(r.Pieces))
	}
	for _, p := range r.Pieces[:len(r.Pieces)-1] {
		if p.Seconds != 60 || p.Rate != .1 {
			t.Errorf("%+v", p)
		}
	}
}

// A sample that can't be taken is left out; a report then fails.
func TestSamplesThatCannotBeTaken(t *testing.T) {
	away := errors.New("no snapshot")
	h := status.NewHistory(func() (*metrics.Snapshot, error) { return nil, away }, nil)
	s := sources(h)
	if r, err := s.Report(t.Context()); !errors.Is(err, away) {
		t.Errorf("%+v, %v", r, err)
	}
	w := httptest.NewRecorder()
	s.ServeJSON(w, httptest.NewRequestWithContext(t.Context(), "GET", "/status", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), away.Error()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Run samples in step, until its context ends.
func TestRunSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int32
		h := status.NewHistory(func() (*metrics.Snapshot, error) { taken.Add(1); return &metrics.Snapshot{}, nil }, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		time.Sleep(5*status.Every + time.Second) // the bubble's clock, not the machine's
		synctest.Wait()
		if taken.Load() != 6 {
			t.Errorf("%d samples in five periods and at the start", taken.Load())
		}
		cancel()
		<-done
	})
}

func TestTheReportIsJSON(t *testing.T) {
	s := sources(status.NewHistory(metrics.New().Snapshot, nil))
	settled(t, s)
	w := httptest.NewRecorder()
	s.ServeJSON(w, httptest.NewRequestWithContext(t.Context(), "GET", "/status", nil))
	var r status.Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || !r.Ready || len(r.Buckets) != 1 ||
		r.Buckets[0].Name != "<b>" {
		t.Errorf("%s, %v", w.Body, err)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", w.Header())
	}
	if strings.Contains(w.Body.String(), "<b>") {
		t.Error("a name of a client's stands in the JSON as HTML")
	}
}

// The page runs its own script and style, each time by another nonce, and holds nothing that clients choose.
func TestThePageAllowsItsOwnScriptOnly(t *testing.T) {
	s := sources(status.NewHistory(metrics.New().Snapshot, nil))
	nonces := map[string]bool{}
	for range 2 {
		w := httptest.NewRecorder()
		s.ServePage(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		policy := w.Header().Get("Content-Security-Policy")
		_, rest, ok := strings.Cut(policy, "script-src 'nonce-")
		nonce, _, _ := strings.Cut(rest, "'")
		if !ok || len(nonce) < 20 || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("policy %q", policy)
		}
		nonces[nonce] = true
		body := html.UnescapeString(w.Body.String())
		if !strings.Contains(body, "uPlot 1.6.32") || !strings.Contains(body, "Copyright (c) 2022 Leon Sorokin") ||
			strings.Contains(body, "http://") || strings.Contains(body, "https://") || strings.Contains(body, "ZgotmplZ") {
			t.Error("the page lacks its charts or their licence, or names what isn't its own")
		}
		if scripts, ours := strings.Count(body, "<script"), strings.Count(body, `nonce="`+nonce+`"`); scripts != 1 ||
			ours != 2 {
			t.Errorf("%d scripts; %d elements with the nonce", scripts, ours)
		}
		if w.Header().Get("Content-Type") != "text/html; charset=utf-8" ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v", w.Header())
		}
	}
	if len(nonces) != 2 {
		t.Error("two pages have one nonce")
	}
}

// A store that hangs holds nobody who wants the page, not even for the moment that it might take.
func TestTheReportDoesNotWaitForBuckets(t *testing.T) {
	s := sources(status.NewHistory(metrics.New().Snapshot, nil))
	hangs := make(chan struct{})
	s.Buckets = func(context.Context, int) ([]status.Bucket, bool, error) {
		<-hangs
		return []status.Bucket{{Name: "b"}}, false, nil
	}
	s.Replicas = func(context.Context) ([]status.Replica, error) {
		<-hangs
		return []status.Replica{{Host: "one"}}, nil
	}
	for range 3 { // it would never return
		s.ServePage(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if r, err := s.Report(t.Context()); err != nil || r.BucketsWhy == "" || r.ReplicasWhy == "" || r.Buckets != nil {
			t.Errorf("%+v, %v", r, err)
		}
	}
	close(hangs)
	if r := settled(t, s); len(r.Buckets) != 1 || r.BucketsWhy != "" || len(r.Replicas) != 1 || r.ReplicasWhy != "" {
		t.Errorf("%+v", r)
	}
}

// What was read stays until it is read anew, and is read no more often than its life says.
func TestReplicasAreReadEveryFifteenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sources(status.NewHistory(metrics.New().Snapshot, nil))
		var reads atomic.Int32
		s.Replicas = func(context.Context) ([]status.Replica, error) {
			if n := reads.Add(1); n != 2 {
				return []status.Replica{{ID: "me"}, {ID: "other", Host: "b", Lost: n == 3, Silent: 95}}, nil
			}
			return nil, errors.New("the store is away")
		}
		want := func(n int32, why string, words string) {
			t.Helper()
			s.Report(t.Context())
			synctest.Wait()
			r, err := s.Report(t.Context())
			if err != nil || reads.Load() != n || r.ReplicasWhy != why || len(r.Replicas) != 2 || r.Alone ||
				strings.Contains(r.Headline[0].Text+r.Headline[1].Text, "silent") != (words != "") {
				t.Errorf("%d reads, want %d: %+v, %v", reads.Load(), n, r, err)
			}
		}
		s.Health = func() []status.Standing {
			return []status.Standing{{Name: "store", State: "slow"}, {Name: "kms", State: "slow"}}
		}
		want(1, "", "")
		time.Sleep(14 * time.Second)
		want(1, "", "")
		time.Sleep(time.Second)
		want(2, "the store is away", "")
		time.Sleep(15 * time.Second)
		s.Health = func() []status.Standing { return []status.Standing{{Name: "store", State: "slow"}} }
		want(3, "", "Replica b is silent, for 1 min")
	})
}
