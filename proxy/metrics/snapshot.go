package metrics

import (
	"math"

	dto "github.com/prometheus/client_model/go"
)

// A Snapshot is what the counters stand at.
type Snapshot struct {
	Requests, Failed           float64 // Failed: answered with a 5xx
	In, Out                    float64 // bytes of plaintext
	KMSCalls, KMSFailed, Saved float64
	Hits, Misses               float64 // of bucket keys
	StoreRequests, StoreFailed float64 // StoreFailed: no answer to one who waits, or a 5xx
	Sessions, Shed, Integrity  float64
	Active, Connections        float64
	Refusals                   map[string]float64 // by row
	Operations                 map[string]float64 // requests by operation
	Latency                    Latency
	Services
}

// Latency is a histogram of request durations: how many took no longer than each bound, in seconds. The last bound is
// +Inf.
type Latency struct {
	Bounds []float64
	Counts []float64 // cumulative
}

// failed are the codes of answers that are the service's fault, not the client's.
var failed = map[string]bool{"InternalError": true, "ServiceUnavailable": true, "SlowDown": true}

// Snapshot reads the counters.
func (m *Metrics) Snapshot() (*Snapshot, error) {
	families, err := m.Registry.Gather()
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Refusals: make(map[string]float64), Operations: make(map[string]float64)}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			s.take(f.GetName(), metric)
		}
	}
	return s, nil
}

func (s *Snapshot) take(name string, m *dto.Metric) {
	label := func(name string) string {
		for _, l := range m.GetLabel() {
			if l.GetName() == name {
				return l.GetValue()
			}
		}
		return ""
	}
	s.Services.take(name, label, m)
	n := m.GetCounter().GetValue()
	switch name {
	case "sealfront_requests_total":
		if n == 0 {
			return // the series is there from the start
		}
		s.Requests += n
		s.Operations[label("operation")] += n
		if failed[label("code")] {
			s.Failed += n
		}
	case "sealfront_body_bytes_total":
		if label("direction") == "in" {
			s.In += n
		} else {
			s.Out += n
		}
	case "sealfront_kms_calls_total":
		s.KMSCalls += n
		if label("outcome") != "ok" {
			s.KMSFailed += n
		}
	case "sealfront_kms_calls_saved_total":
		s.Saved += n
	case "sealfront_bucket_keys_total":
		if label("result") == "hit" {
			s.Hits += n
		} else {
			s.Misses += n
		}
	case "sealfront_store_requests_total":
		s.StoreRequests += n
		if storeFailed(label("code")) {
			s.StoreFailed += n
		}
	case "sealfront_sessions_total":
		if label("outcome") == "issued" {
			s.Sessions += n
		}
	case "sealfront_shed_requests_total":
		s.Shed += n
	case "sealfront_integrity_failures_total":
		s.Integrity += n
	case "sealfront_refusals_total":
		s.Refusals[label("row")] += n
	case "sealfront_active_requests":
		s.Active = m.GetGauge().GetValue()
	case "sealfront_open_connections":
		s.Connections = m.GetGauge().GetValue()
	case "sealfront_request_duration_seconds":
		s.Latency.add(m.GetHistogram())
	}
}

func (l *Latency) add(h *dto.Histogram) {
	if l.Bounds == nil {
		for _, b := range h.GetBucket() {
			l.Bounds = append(l.Bounds, b.GetUpperBound())
		}
		l.Bounds = append(l.Bounds, math.Inf(1))
		l.Counts = make([]float64, len(l.Bounds))
	}
	for i, b := range h.GetBucket() {
		l.Counts[i] += float64(b.GetCumulativeCount())
	}
	l.Counts[len(l.Counts)-1] += float64(h.GetSampleCount())
}

// Quantile is the duration, in seconds, that a share q of the requests since before didn't exceed, taken as evenly
// spread within a bucket. 0 when there were none.
func (l *Latency) Quantile(q float64, before *Latency) float64 {
	count := func(i int) float64 {
		if i < len(before.Counts) {
			return l.Counts[i] - before.Counts[i]
		}
		return l.Counts[i]
	}
	if len(l.Counts) == 0 {
		return 0
	}
	rank := q * count(len(l.Counts)-1)
	low, below := 0.0, 0.0
	for i, high := range l.Bounds {
		n := count(i)
		if n >= rank && n > below {
			if math.IsInf(high, 1) {
				return low
			}
			return low + (high-low)*(rank-below)/(n-below)
		}
		low, below = high, n
	}
	return 0
}
