package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// KeyService are the metrics of a key service. They are safe for concurrent use.
type KeyService struct {
	Registry *prometheus.Registry

	requests, roots, store, audit *prometheus.CounterVec
	durations, rootTime           *prometheus.HistogramVec
	notAfter                      *prometheus.GaugeVec
}

// NewKeyService makes them, all at zero.
func NewKeyService() *KeyService {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, labels)
	}
	m := &KeyService{
		Registry: prometheus.NewRegistry(),
		requests: counter("sealfront_keyservice_requests_total", "Requests to the key service, by action and code.",
			"action", "code"),
		durations: histogram("sealfront_keyservice_request_duration_seconds", "Seconds that requests took.", "action"),
		roots: counter("sealfront_root_calls_total", "Calls of roots, by root, call (wrap, unwrap) and outcome (ok, failed).",
			"root", "call", "outcome"),
		rootTime: histogram("sealfront_root_call_duration_seconds", "Seconds that calls of roots took.", "root"),
		store: counter("sealfront_records_requests_total",
			"Requests to the store of the records, by operation and status, 0 for none.", "operation", "code"),
		audit: counter("sealfront_audit_records_total", "Records of the audit log, by outcome: written or lost.",
			"outcome"),
		notAfter: newNotAfter(),
	}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.durations, m.roots, m.rootTime, m.store, m.audit, m.notAfter)
	return m
}

// Request counts a request that was answered.
func (m *KeyService) Request(action, code string, took time.Duration) {
	m.requests.WithLabelValues(action, code).Inc()
	m.durations.WithLabelValues(action).Observe(took.Seconds())
}

// Root counts a call of a root.
func (m *KeyService) Root(root, call string, ok bool, took time.Duration) {
	m.roots.WithLabelValues(root, call, map[bool]string{true: "ok", false: "failed"}[ok]).Inc()
	m.rootTime.WithLabelValues(root).Observe(took.Seconds())
}

// Store counts a request to the store of the records.
func (m *KeyService) Store(operation, code string) { m.store.WithLabelValues(operation, code).Inc() }

// Audit counts records of the audit log.
func (m *KeyService) Audit(outcome string, n int) { m.audit.WithLabelValues(outcome).Add(float64(n)) }

// Certificates sets when certificates expire, by the settings that name them. Others are forgotten.
func (m *KeyService) Certificates(notAfter map[string]time.Time) { setNotAfter(m.notAfter, notAfter) }

// Info adds a gauge that is always 1 and says something by its labels.
func (m *KeyService) Info(name, help string, labels map[string]string) {
	m.Registry.MustRegister(one(name, help, labels))
}

// Gauge adds a number that is read when the metrics are.
func (m *KeyService) Gauge(name, help string, labels map[string]string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
		value))
}
