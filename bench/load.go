package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A result is what a cell took on one target in one round. Figures that couldn't be had are zero and left out.
type result struct {
	Target string `json:"target"`
	cell
	Round    int     `json:"round"`
	Seconds  float64 `json:"seconds"`
	Requests int64   `json:"requests"` // that succeeded
	Bytes    int64   `json:"bytes"`    // of their bodies
	Errors   int64   `json:"errors"`
	Failure  string  `json:"failure,omitempty"` // the first

	// Latencies in microseconds, of what succeeded; in the open loop from when the request was due.
	P50  int64 `json:"p50_us"`
	P90  int64 `json:"p90_us"`
	P99  int64 `json:"p99_us"`
	P999 int64 `json:"p999_us"`
	Max  int64 `json:"max_us"`

	CPUSeconds  float64 `json:"cpu_seconds,omitempty"`
	PeakRSS     int64   `json:"peak_rss,omitempty"`
	Allocations float64 `json:"allocations_per_request,omitempty"`
	KMSCalls    float64 `json:"kms_calls"`
	Measured    bool    `json:"metrics"` // whether Allocations and KMSCalls were

	waited float64 // requests that waited for KMS, where Measured
	spans  []span  // where settings.spans asks for them
	during span    // the measured time
}

// A span is from the beginning of a request, in the open loop from when it was due, to its end.
type span struct{ begin, end time.Time }

func (r *result) perSecond() float64 { return float64(r.Requests) / r.Seconds }

func (r *result) gibPerSecond() float64 { return float64(r.Bytes) / (1 << 30) / r.Seconds }

func (r *result) cpuPerRequest() float64 {
	if r.Requests == 0 {
		return 0
	}
	return r.CPUSeconds * 1e6 / float64(r.Requests)
}

func (r *result) cpuPerGiB() float64 {
	if r.Bytes == 0 {
		return 0
	}
	return r.CPUSeconds / (float64(r.Bytes) / (1 << 30))
}

// Latencies are kept from 1 µs to a minute with three digits; what is longer counts as a minute.
const (
	shortest = 1
	longest  = 60_000_000
	digits   = 3
)

// maxErrors ends a worker that does nothing but fail: it would be a busy loop.
const maxErrors = 20

// A measurement is that of one cell on one target.
type measurement struct {
	cell    *cell
	set     *settings
	target  *target
	content *content

	begin time.Time    // of the phase
	due   atomic.Int64 // number of its next request in the open loop

	mu        sync.Mutex
	latencies *hdrhistogram.Histogram
	spans     []span
	bytes     int64
	errors    int64
	failure   error
}

// measure prepares a cell, warms it up and measures it.
func (set *settings) measure(ctx context.Context, t *target, c *cell, content *content) (*result, error) {
	m := &measurement{
		cell: c, set: set, target: t, content: content, latencies: hdrhistogram.New(shortest, longest, digits),
	}
	workers := make([]*worker, c.Concurrency)
	for i := range workers {
		workers[i] = newWorker(t, c, set, content, i)
		defer workers[i].close()
	}
	if err := m.prepare(ctx, workers); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", c, err)
	}
	if set.warmUp > 0 {
		m.phase(ctx, workers, set.warmUp)
	}
	m.latencies.Reset()
	m.spans, m.bytes, m.errors, m.failure = nil, 0, 0, nil
	before, measured := t.scrape(ctx)
	watch := watchProcesses(t.processes)
	took := m.phase(ctx, workers, set.duration)
	used := watch()
	r := &result{
		Target: t.name, cell: *c, Seconds: took.Seconds(), Requests: m.latencies.TotalCount(), Bytes: m.bytes,
		Errors: m.errors,
		P50:    m.latencies.ValueAtQuantile(50), P90: m.latencies.ValueAtQuantile(90),
		P99: m.latencies.ValueAtQuantile(99), P999: m.latencies.ValueAtQuantile(99.9), Max: m.latencies.Max(),
		CPUSeconds: used.cpu.Seconds(), PeakRSS: used.peak, spans: m.spans, during: span{m.begin, m.begin.Add(took)},
	}
	if m.failure != nil {
		r.Failure = m.failure.Error()
	}
	if after, ok := t.scrape(context.WithoutCancel(ctx)); ok && measured && r.Requests > 0 {
		r.Measured = true
		r.Allocations = (after.mallocs - before.mallocs) / float64(r.Requests+r.Errors)
		r.KMSCalls = after.kms - before.kms
		r.waited = after.waited - before.waited
	}
	if r.Requests == 0 {
		return r, errors.Join(fmt.Errorf("%s: no request succeeded", c), m.failure, ctx.Err())
	}
	return r, ctx.Err()
}

// phase lets the workers work for a while. Requests in flight at its end still end, and count, so that what was used
// and what was done are of the same requests.
func (m *measurement) phase(ctx context.Context, workers []*worker, d time.Duration) time.Duration {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.begin = time.Now()
	m.due.Store(0)
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() { m.work(ctx, w) })
	}
	wait(ctx, d)
	stop()
	all.Wait()
	return time.Since(m.begin)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// preparing is how often prepare tries to put an object.
const preparing = 5

// prepare puts what is to be read, and opens every connection.
func (m *measurement) prepare(ctx context.Context, workers []*worker) error {
	errs := make([]error, len(workers))
	var all sync.WaitGroup
	for i, w := range workers {
		all.Go(func() {
			for range preparing { // some servers fail at first, when several begin at once
				if errs[i] = w.put(ctx); errs[i] == nil || ctx.Err() != nil {
					break
				}
				wait(ctx, 50*time.Millisecond)
			}
			if m.cell.Operation != opList && m.cell.Operation != opMixed {
				return
			}
			for n := i; n < m.set.listed && errs[i] == nil; n += len(workers) {
				errs[i] = w.putObject(ctx, listKey(n), empty)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one speaks for all
		}
	}
	return nil
}

var empty = newContent(0)

func listKey(n int) string { return fmt.Sprintf("%s%06d", listPrefix, n) }

// work sends requests until ctx ends.
func (m *measurement) work(ctx context.Context, w *worker) {
	local := hdrhistogram.New(shortest, longest, digits)
	var bytes, failed int64
	var failure error
	var spans []span
	inRow := 0
	// A request once begun is not cut off: it would count on one side only.
	whole := context.WithoutCancel(ctx)
	for ctx.Err() == nil && inRow < maxErrors {
		begin := time.Now()
		if m.cell.Rate > 0 {
			begin = m.begin.Add(time.Duration(float64(m.due.Add(1)-1) / m.cell.Rate * float64(time.Second)))
			if d := time.Until(begin); d > 0 {
				if wait(ctx, d); ctx.Err() != nil {
					break
				}
			}
		}
		n, err := w.once(whole)
		if err != nil {
			if failed++; failure == nil {
				failure = err
			}
			inRow++
			wait(ctx, time.Duration(inRow-1)*time.Millisecond)
			continue
		}
		inRow = 0
		end := time.Now()
		_ = local.RecordValue(min(max(end.Sub(begin).Microseconds(), shortest), longest)) // within its bounds
		if m.set.spans {
			spans = append(spans, span{begin, end})
		}
		bytes += n
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latencies.Merge(local)
	m.spans = append(m.spans, spans...)
	m.bytes += bytes
	m.errors += failed
	if m.failure == nil {
		m.failure = failure
	}
}

// cpu is the figure that counts for the cell.
func (r *result) cpu() float64 {
	if r.small() {
		return r.cpuPerRequest()
	}
	return r.cpuPerGiB()
}
