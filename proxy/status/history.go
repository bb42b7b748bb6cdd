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

// points is how many the last hour is shown by.
const points = 60

// passed is what passes now, in the last minute, in the last hour, and in the hour's pieces, the oldest first; and the
// counters as they stand now and stood an hour ago.
type passed struct {
	now, minute      Traffic // what passes now, and in the last minute
	hour             Traffic
	pieces           []Traffic
	current, earlier *metrics.Snapshot
}

func (h *History) traffic() (*passed, error) {
	current, err := h.take()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	all := append(append([]sample(nil), h.samples...), sample{h.now(), current})
	h.mu.Unlock()
	last := all[len(all)-1]
	recent, minute := all[0], all[0]
	for _, s := range all[:len(all)-1] {
		if last.at.Sub(s.at) >= Every/2 {
			recent = s
		}
		if last.at.Sub(s.at) >= time.Minute {
			minute = s
		}
	}
	p := &passed{
		now: between(recent, last), minute: between(minute, last), hour: between(all[0], last),
		current: current, earlier: all[0].Snapshot,
	}
	step := max(1, (Kept-1)/points)
	if len(all) <= points {
		step = 1
	}
	for i := (len(all) - 1) % step; i+step < len(all); i += step {
		p.pieces = append(p.pieces, between(all[i], all[i+step]))
	}
	return p, nil
}
