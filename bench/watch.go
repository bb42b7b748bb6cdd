package main

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A watch is a cell at one replica, in all rounds.
type watch struct {
	cell    *cell
	name    string
	results []*result

	requests, errors int64
	failure          string
	waited           float64
	calls            map[string]int // of the key service while the load ran
	beside, apart    tally          // requests in flight with a call for a key, and all others
}

// A tally is latencies, and how many of them are as long as an answer of the key service.
type tally struct {
	latencies *hdrhistogram.Histogram
	late      int
}

func (g *tally) add(took, latency time.Duration) {
	if g.latencies == nil {
		g.latencies = hdrhistogram.New(shortest, longest, digits)
	}
	_ = g.latencies.RecordValue(min(max(took.Microseconds(), shortest), longest)) // within its bounds
	if took >= latency {
		g.late++
	}
}

func (g *tally) markdown(count bool) string {
	if g.latencies == nil {
		g.latencies = hdrhistogram.New(shortest, longest, digits)
	}
	text := ""
	if count {
		text = fmt.Sprintf("%d | ", g.latencies.TotalCount())
	}
	if g.latencies.TotalCount() == 0 {
		return text + "– | – | –"
	}
	return text + fmt.Sprintf("%s | %s | %d", milliseconds(float64(g.latencies.ValueAtQuantile(99.9))),
		milliseconds(float64(g.latencies.Max())), g.late)
}

// add adds a round, and the calls that were in flight in it.
func (w *watch) add(r *result, calls []call, latency time.Duration) {
	w.results = append(w.results, r)
	w.requests, w.errors, w.waited = w.requests+r.Requests, w.errors+r.Errors, w.waited+r.waited
	if w.failure == "" {
		w.failure = r.Failure
	}
	if w.calls == nil {
		w.calls = map[string]int{}
	}
	var fetches []call
	for _, c := range calls {
		w.calls[c.name]++
		if c.forKeys() {
			fetches = append(fetches, c)
		}
	}
	for _, s := range r.spans {
		g := &w.apart
		for _, c := range fetches {
			if c.overlaps(s) {
				g = &w.beside
				break
			}
		}
		g.add(s.took(), latency)
	}
	r.spans = nil
}

func (w *watch) keyCalls() (n int) {
	for _, name := range keyCalls {
		n += w.calls[name]
	}
	return n
}

func (w *watch) otherCalls() (n int) {
	for _, count := range w.calls {
		n += count
	}
	return n - w.keyCalls()
}

func (w *watch) max() (most int64) {
	for _, r := range w.results {
		most = max(most, r.Max)
	}
	return most
}

// milliseconds is the median of the rounds.
func (w *watch) milliseconds(of func(*result) int64) string {
	var values []float64
	for _, r := range w.results {
		values = append(values, float64(of(r)))
	}
	return milliseconds(median(values))
}

func sum(watches []*watch, name string, of func(*watch) int) (n int) {
	for _, w := range watches {
		if w.name == name {
			n += of(w)
		}
	}
	return n
}
