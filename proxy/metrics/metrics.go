// Package metrics holds the proxy's counters and histograms for Prometheus. Names and labels are an interface:
// dashboards, alerts and scripts rely on them.
package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are all metrics of one process. They are safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry

	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	kmsCalls   *prometheus.CounterVec
	bucketKeys *prometheus.CounterVec
	saved      prometheus.Counter
	store      *prometheus.CounterVec
	storeTime  *prometheus.HistogramVec
	bytes      *prometheus.CounterVec
	integrity  *prometheus.CounterVec
	refusals   *prometheus.CounterVec
}

// New makes the metrics in a registry of their own, beside those of the Go runtime and the process.
func New() *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	buckets := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: counters("sealfront_requests_total", "Requests answered, by S3 operation and S3 error code (OK for success).", "operation", "code"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealfront_request_duration_seconds",
			Help: "Time from the request's head to the end of its answer, in seconds.", Buckets: buckets,
		}, []string{"operation"}),
		kmsCalls:   counters("sealfront_kms_calls_total", "Calls of the key management service, by call and outcome (ok, or KMS's error name).", "call", "outcome"),
		bucketKeys: counters("sealfront_bucket_keys_total", "Bucket keys asked for, found in memory (hit) or not (miss).", "result"),
		saved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sealfront_kms_calls_saved_total",
			Help: "Requests that needed a bucket key and made no KMS call of their own.",
		}),
		store: counters("sealfront_store_requests_total", "Requests to the store, by S3 operation and HTTP status (0: no answer).", "operation", "code"),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealfront_store_request_duration_seconds",
			Help: "Time from sending a request to the store to the head of its answer, in seconds.", Buckets: buckets,
		}, []string{"operation"}),
		bytes:     counters("sealfront_body_bytes_total", "Bytes of object plaintext taken from clients (in) and given to them (out).", "direction"),
		integrity: counters("sealfront_integrity_failures_total", "Sealed data that did not open, by what it was. Each is an alarm: the store holds altered or damaged data.", "kind"),
		refusals:  counters("sealfront_refusals_total", "Requests refused by a row of the behaviour reference.", "row"),
	}
	m.Registry.MustRegister(m.requests, m.durations, m.kmsCalls, m.bucketKeys, m.saved, m.store, m.storeTime, m.bytes, m.integrity, m.refusals,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Series that scripts read must exist before the first event.
	for _, result := range []string{"hit", "miss"} {
		m.bucketKeys.WithLabelValues(result)
	}
	for _, direction := range []string{"in", "out"} {
		m.bytes.WithLabelValues(direction)
	}
	return m
}

// Request counts an answered request. operation is "" for what was refused before it had one.
func (m *Metrics) Request(operation, code string, took time.Duration) {
	if operation == "" {
		operation = "unknown"
	}
	m.requests.WithLabelValues(operation, code).Inc()
	m.durations.WithLabelValues(operation).Observe(took.Seconds())
}

// Refusal counts a refusal by its row.
func (m *Metrics) Refusal(row string) { m.refusals.WithLabelValues(row).Inc() }

// Bytes counts object plaintext.
func (m *Metrics) Bytes(direction string, n int64) {
	m.bytes.WithLabelValues(direction).Add(float64(n))
}

// Integrity counts sealed data that did not open.
func (m *Metrics) Integrity(kind string) { m.integrity.WithLabelValues(kind).Inc() }

// Store counts a request to the store.
func (m *Metrics) Store(operation string, code int, took time.Duration) {
	m.store.WithLabelValues(operation, strconv.Itoa(code)).Inc()
	m.storeTime.WithLabelValues(operation).Observe(took.Seconds())
}

// KMS counts a call of the key management service; outcome is "ok" or an error's name.
func (m *Metrics) KMS(call, outcome string) { m.kmsCalls.WithLabelValues(call, outcome).Inc() }

// BucketKeyHit counts a bucket key found in memory.
func (m *Metrics) BucketKeyHit() { m.bucketKeys.WithLabelValues("hit").Inc() }

// BucketKeyMiss counts a bucket key that was not in memory.
func (m *Metrics) BucketKeyMiss() { m.bucketKeys.WithLabelValues("miss").Inc() }

// Saved counts a request that needed no KMS call of its own.
func (m *Metrics) Saved() { m.saved.Inc() }
