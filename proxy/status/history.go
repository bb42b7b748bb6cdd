package status

import (
	"context"
	"sync"
	"time"

	"sealfront/proxy/metrics"
)

// Every is how far samples are apart, Kept how many a History holds: an hour.
const (
	Every = 10 * time.Second
	Kept  = 361
)

// A History is the counters of the last hour.
type History struct {
	take func() (*metrics.Snapshot, error)
	now  func() time.Time

	mu      sync.Mutex
	samples []sample // the oldest first
}

type sample struct {
	at time.Time
	*metrics.Snapshot
}

// NewHistory begins a history with a first sample. now is the clock, nil for the machine's.
func NewHistory(take func() (*metrics.Snapshot, error), now func() time.Time) *History {
	if now == nil {
		now = time.Now
	}
	h := &History{take: take, now: now}
	h.Sample()
	return h
}

// Sample takes a sample.
func (h *History) Sample() {
	s, err := h.take()
	if err != nil {
		return // the next may do
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == Kept {
		h.samples = append(h.samples[:0], h.samples[1:]...)
	}
	h.samples = append(h.samples, sample{h.now(), s})
}

// Run samples until ctx ends.
func (h *History) Run(ctx context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.Sample()
		}
	}
}

// A Traffic is what passed in a time.
type Traffic struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`   // requests a second
	Failed  float64 `json:"failed"` // answered with 5xx, a second
	In      float64 `json:"in"`     // bytes a second
	Out     float64 `json:"out"`
	P50     float64 `json:"p50"` // seconds
	P99     float64 `json:"p99"`
}

func between(a, b sample) Traffic {
	t := Traffic{
		Seconds: b.at.Sub(a.at).Seconds(), P50: b.Latency.Quantile(.5, &a.Latency),
		P99: b.Latency.Quantile(.99, &a.Latency),
	}
	if t.Seconds > 0 {
		t.Rate, t.Failed = (b.Requests-a.Requests)/t.Seconds, (b.Failed-a.Failed)/t.Seconds
		t.In, t.Out = (b.In-a.In)/t.Seconds, (b.Out-a.Out)/t.Seconds
	}
	return t
}

// points is how many the last hour is shown by.
const points = 60

// traffic is what passes now, in the last hour, and in the hour's pieces, the oldest first; and the counters as they
// stand.
func (h *History) traffic() (now, hour Traffic, pieces []Traffic, current *metrics.Snapshot, err error) {
	if current, err = h.take(); err != nil {
		return now, hour, nil, nil, err
	}
	h.mu.Lock()
	all := append(append([]sample(nil), h.samples...), sample{h.now(), current})
	h.mu.Unlock()
	last := all[len(all)-1]
	recent := all[0]
	for _, s := range all[:len(all)-1] {
		if last.at.Sub(s.at) >= Every/2 {
			recent = s
		}
	}
	now, hour = between(recent, last), between(all[0], last)
	step := max(1, (Kept-1)/points)
	if len(all) <= points {
		step = 1
	}
	for i := (len(all) - 1) % step; i+step < len(all); i += step {
		pieces = append(pieces, between(all[i], all[i+step]))
	}
	return now, hour, pieces, current, nil
}
