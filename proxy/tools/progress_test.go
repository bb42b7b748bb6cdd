package tools_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/tools"
)

// watched notes the progress of walks that run in one test.
type watched struct {
	mu   *sync.Mutex
	seen *[]tools.Progress
}

func newWatched() watched { return watched{new(sync.Mutex), new([]tools.Progress)} }

func (w watched) Show(p *tools.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.seen = append(*w.seen, *p)
}

func (watched) Clear() {}

// hasTotal reports whether a total has been shown yet.
func (w watched) hasTotal() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(*w.seen, func(p tools.Progress) bool { return p.Total >= 0 })
}

// Rates are those of the last minute, and the time that remains is what objects or bytes need, whichever is longer.
func TestRatesAndTheTimeThatRemains(t *testing.T) {
	t.Parallel()
	var m tools.Meter
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(second int, done, bytes int64) (rate, byteRate float64) {
		return m.Add(began.Add(time.Duration(second)*time.Second), done, bytes)
	}
	if r, b := at(0, 5, 50); r != 0 || b != 0 {
		t.Errorf("at the beginning: %g, %g", r, b)
	}
	if r, b := at(10, 105, 1050); r != 10 || b != 100 {
		t.Errorf("after 10 s: %g, %g", r, b)
	}
	for second := 11; second <= 600; second++ { // slower
		r, b := at(second, 105+int64(second-10), 1050+int64(second-10))
		if second == 600 && (r != 1 || b != 1) {
			t.Errorf("after ten minutes: %g, %g", r, b)
		}
	}
	if m.Len() > 63 {
		t.Errorf("it keeps %d samples", m.Len())
	}
	for _, c := range []struct {
		objects, bytes int64
		rate, byteRate float64
		want           time.Duration
	}{
		{10, 100, 1, 100, 10 * time.Second},
		{10, 10000, 1, 100, 100 * time.Second},
		{0, 0, 0, 0, 0},
		{10, 0, 2, 0, 5 * time.Second}, // empty objects
		{1, 100, 0, 0, -1},
		{1 << 60, 0, 1e-9, 0, 100 * 365 * 24 * time.Hour},
	} {
		if got := tools.Remaining(c.objects, c.bytes, c.rate, c.byteRate); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A walk shows what is done, of how many, and what it works on. The total is known while objects are still waiting, by
// a listing ahead of the walk's; of a shard it is the shard's.
func TestWalksShowTheirProgress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("watched")
	const n = 30
	shard, mine, bytes := tools.Shard{Number: 1, Of: 2}, int64(0), int64(0)
	for i := range n {
		key := string(rune('a'+i%26)) + string(rune('0'+i/26))
		s.put(bucket, key, random(100*i))
		if shard.Has(key) {
			mine++
			bytes += int64(len(s.stored(bucket, key).body))
		}
	}
	w := newWatched()
	_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket},
		tools.WalkOptions{Out: io.Discard, Shard: shard, Watch: w, TotalAfter: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	last := (*w.seen)[len(*w.seen)-1]
	if last.Done != mine || last.Total != mine || last.Bytes != bytes || last.TotalBytes != bytes || last.Failed != 0 ||
		last.Remaining != 0 || last.Current != "" || last.Rate <= 0 || last.At.Before(last.Began) {
		t.Errorf("at the end: %+v; want %d objects of %d bytes", last, mine, bytes)
	}
	if first := (*w.seen)[0]; first.Done > last.Done || first.Phase != "" {
		t.Errorf("at first: %+v", first)
	}
}

// The total of a bucket of many pages is found by a listing of its own, while the walk waits for its first objects.
func TestATotalIsFoundAhead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("counted")
	const n = 1100 // two pages
	for i := range n {
		s.replace(bucket, fmt.Sprintf("k%04d", i), &stored{body: []byte("not sealed")})
	}
	w := newWatched()
	s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
		for strings.HasPrefix(r.URL.Path, "/counted/k") && !w.hasTotal() {
			time.Sleep(time.Millisecond)
		}
		return false
	}, nil)
	_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket},
		tools.WalkOptions{Out: io.Discard, Watch: w, TotalAfter: time.Nanosecond})
	if !errors.Is(err, tools.ErrFound) {
		t.Fatal(err)
	}
	i := slices.IndexFunc(*w.seen, func(p tools.Progress) bool { return p.Total >= 0 })
	if p := (*w.seen)[i]; p.Total != n || p.Done > 0 || p.Current != "k0000" || p.Remaining != -1 {
		t.Errorf("when the total was known: %+v", p)
	}
	if p := (*w.seen)[len(*w.seen)-1]; p.Done != n || p.Failed != n {
		t.Errorf("at the end: %+v", p)
	}
}

// A walk that resumes another shows what both have done.
func TestAResumedWalkShowsTheWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("continued")
	for _, key := range []string{"a", "b", "c"} {
		s.put(bucket, key, []byte("x"))
	}
	each := int64(len(s.stored(bucket, "a").body))
	w := newWatched()
	_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{
		Out: io.Discard, Watch: w,
		Resume: writeFile(t, `{"walk":"verify s3://continued/","after":"b","done":2,"failed":0,"bytes":1000}`),
	})
	if last := (*w.seen)[len(*w.seen)-1]; err != nil || last.Done != 3 || last.Total != 3 || last.Bytes != 1000+each {
		t.Errorf("%+v, %v", last, err)
	}
}
