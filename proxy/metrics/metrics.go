// Package metrics holds the proxy's counters and histograms for Prometheus. Names and labels are an interface:
// dashboards, alerts and scripts rely on them.
package metrics

import (
	"cmp"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
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
	evictions  *prometheus.CounterVec
	saved      prometheus.Counter
	store      *prometheus.CounterVec
	storeTime  *prometheus.HistogramVec
	bytes      *prometheus.CounterVec
	integrity  *prometheus.CounterVec
	refusals   *prometheus.CounterVec
	shed       *prometheus.CounterVec
	sessions   *prometheus.CounterVec
	kmsTime    *prometheus.HistogramVec
	reloads    *prometheus.CounterVec
	reloaded   prometheus.Gauge
	audit      *prometheus.CounterVec
	clockSkew  prometheus.Gauge
	notAfter   *prometheus.GaugeVec
	handshakes *prometheus.CounterVec

	requestSeries *series[requestLabels, countAndTime]
	storeSeries   *series[storeLabels, countAndTime]
	hit, miss     prometheus.Counter
	in, out       prometheus.Counter
}

type (
	requestLabels struct{ operation, code string }
	storeLabels   struct {
		operation string
		status    int
		trouble   string // why there was no answer; "" when there was one
	}
	countAndTime struct {
		count prometheus.Counter
		time  prometheus.Observer
	}
)

// New makes the metrics in a registry of their own, with those of the Go runtime and the process.
func New() *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	buckets := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: counters("sealfront_requests_total",
			"Requests answered, by S3 operation and S3 error code (OK for success).", "operation", "code"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealfront_request_duration_seconds",
			Help: "Time from the request's head to the end of its answer, in seconds.", Buckets: buckets,
		}, []string{"operation"}),
		kmsCalls: counters("sealfront_kms_calls_total",
			"Calls of the key management service, by call and outcome (ok, or KMS's error name).", "call", "outcome"),
		bucketKeys: counters("sealfront_bucket_keys_total",
			"Bucket keys asked for, found in memory (hit) or not (miss).", "result"),
		evictions: counters("sealfront_bucket_key_evictions_total",
			"Bucket keys that were still good and made room for others, by table (opening: plaintexts in memory, "+
				"sealing: what each bucket's new objects are sealed under).", "table"),
		saved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sealfront_kms_calls_saved_total",
			Help: "Requests that needed a bucket key and made no KMS call of their own.",
		}),
		store: counters("sealfront_store_requests_total",
			"Requests to the store, by S3 operation and HTTP status, or why there was no answer (hanging, away, "+
				"unavailable; canceled: who wanted it has left).", "operation", "code"),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealfront_store_request_duration_seconds",
			Help: "Time from sending a request to the store to the head of its answer, in seconds.", Buckets: buckets,
		}, []string{"operation"}),
		bytes: counters("sealfront_body_bytes_total",
			"Bytes of object plaintext taken from clients (in) and given to them (out).", "direction"),
		integrity: counters("sealfront_integrity_failures_total",
			"Sealed data that did not open, by what it was. Each is an alarm: the store holds altered or damaged data.",
			"kind"),
		refusals: counters("sealfront_refusals_total", "Requests refused by a row of the behaviour reference.", "row"),
		shed: counters("sealfront_shed_requests_total",
			"Requests answered 503 SlowDown, and connections closed at once, for want of room, by what there was no room in.",
			"reason"),
		sessions: counters("sealfront_sessions_total",
			"CreateSession requests, by outcome (issued, or the S3 error code).", "outcome"),
		kmsTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealfront_kms_call_duration_seconds",
			Help: "Time of a call of the key management service with its retries, in seconds.", Buckets: buckets,
		}, []string{"call"}),
		reloads: counters("sealfront_reloads_total",
			"Reloads of the configuration, by outcome (ok, or refused: the old one stays in force).", "outcome"),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sealfront_configuration_loaded_timestamp_seconds",
			Help: "When the configuration in force was loaded, in seconds since 1970.",
		}),
		audit: counters("sealfront_audit_records_total", "Records of the audit log, by outcome (written, or lost).",
			"outcome"),
	}
	m.clockSkew = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sealfront_clock_skew_seconds",
		Help: "By how much this replica's clock is ahead of the store's, to about a second.",
	})
	m.addCertificates()
	m.Registry.MustRegister(m.requests, m.durations, m.kmsCalls, m.bucketKeys, m.evictions, m.saved, m.store, m.storeTime,
		m.bytes,
		m.integrity, m.refusals,
		m.shed, m.sessions, m.kmsTime, m.reloads, m.reloaded, m.audit, m.clockSkew,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.initialize()
	m.hit, m.miss = m.bucketKeys.WithLabelValues("hit"), m.bucketKeys.WithLabelValues("miss")
	m.in, m.out = m.bytes.WithLabelValues("in"), m.bytes.WithLabelValues("out")
	m.requestSeries = newSeries(func(l requestLabels) countAndTime {
		return countAndTime{m.requests.WithLabelValues(l.operation, l.code), m.durations.WithLabelValues(l.operation)}
	})
	m.storeSeries = newSeries(func(l storeLabels) countAndTime {
		return countAndTime{
			m.store.WithLabelValues(l.operation, cmp.Or(l.trouble, strconv.Itoa(l.status))),
			m.storeTime.WithLabelValues(l.operation),
		}
	})
	return m
}

// Gauge adds a number that is read when the metrics are.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// GaugeOf is Gauge for one of several series, which the label tells apart.
func (m *Metrics) GaugeOf(name, help, label, series string, value func() float64) {
	m.GaugeFor(name, help, map[string]string{label: series}, value)
}

// GaugeFor is GaugeOf for series with several labels.
func (m *Metrics) GaugeFor(name, help string, labels map[string]string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: labels,
	}, value))
}

// Info adds a gauge that is always 1 and says something by its labels.
func (m *Metrics) Info(name, help string, labels map[string]string) {
	m.Registry.MustRegister(one(name, help, labels))
}

// one is a gauge that is always 1.
func one(name, help string, labels map[string]string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	g.Set(1)
	return g
}

// Shed counts a request or connection turned away for want of room.
func (m *Metrics) Shed(reason string) { m.shed.WithLabelValues(reason).Inc() }

// Session counts a CreateSession; outcome is "issued" or the S3 error code.
func (m *Metrics) Session(outcome string) { m.sessions.WithLabelValues(outcome).Inc() }

// Reload counts a reload of the configuration. ok means that it is in force.
func (m *Metrics) Reload(ok bool, now time.Time) {
	if !ok {
		m.reloads.WithLabelValues("refused").Inc()
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.Loaded(now)
}

// Loaded says when the configuration in force was loaded.
func (m *Metrics) Loaded(now time.Time) { m.reloaded.Set(float64(now.UnixMilli()) / 1000) }

// Audit counts records of the audit log.
func (m *Metrics) Audit(outcome string, n int) { m.audit.WithLabelValues(outcome).Add(float64(n)) }

// Request counts an answered request. operation is "" for what was refused before it had one.
func (m *Metrics) Request(operation, code string, took time.Duration) {
	m.TracedRequest(operation, code, took, "")
}

// TracedRequest is Request for one whose trace, by its id in hex, is the exemplar of its counter and of its bucket of
// durations; "" for one that has none.
func (m *Metrics) TracedRequest(operation, code string, took time.Duration, trace string) {
	if operation == "" {
		operation = noOperation
	}
	s := m.requestSeries.of(requestLabels{operation, code})
	if trace != "" {
		exemplar := prometheus.Labels{"trace_id": trace}
		s.count.(prometheus.ExemplarAdder).AddWithExemplar(1, exemplar)
		s.time.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), exemplar)
		return
	}
	s.count.Inc()
	s.time.Observe(took.Seconds())
}

// ClockSkew records by how much this clock is ahead of the store's.
func (m *Metrics) ClockSkew(ahead time.Duration) { m.clockSkew.Set(ahead.Seconds()) }

// Refusal counts a refusal by its row.
func (m *Metrics) Refusal(row string) { m.refusals.WithLabelValues(row).Inc() }

// Bytes counts object plaintext, "in" or "out".
func (m *Metrics) Bytes(direction string, n int64) {
	if direction == "in" {
		m.in.Add(float64(n))
	} else {
		m.out.Add(float64(n))
	}
}

// Integrity counts sealed data that did not open.
func (m *Metrics) Integrity(kind string) { m.integrity.WithLabelValues(kind).Inc() }

// Store counts a request to the store: the answer's status, or why there was none.
func (m *Metrics) Store(operation string, status int, trouble string, took time.Duration) {
	s := m.storeSeries.of(storeLabels{operation, status, trouble})
	s.count.Inc()
	s.time.Observe(took.Seconds())
}

// KMS counts a call of the key management service; outcome is "ok" or an error's name.
func (m *Metrics) KMS(call, outcome string, took time.Duration) {
	m.kmsCalls.WithLabelValues(call, outcome).Inc()
	m.kmsTime.WithLabelValues(call).Observe(took.Seconds())
}

// BucketKeyHit counts a bucket key found in memory.
func (m *Metrics) BucketKeyHit() { m.hit.Inc() }

// BucketKeyMiss counts a bucket key that was not in memory.
func (m *Metrics) BucketKeyMiss() { m.miss.Inc() }

// BucketKeyEvicted counts a bucket key that was still good and made room for another; table is "opening" or "sealing".
func (m *Metrics) BucketKeyEvicted(table string) { m.evictions.WithLabelValues(table).Inc() }

// Saved counts a request that needed no KMS call of its own.
func (m *Metrics) Saved() { m.saved.Inc() }

// series remembers what a vector's labels lead to: Prometheus would hash them for each event. Looking one up takes no
// lock.
type series[K comparable, V any] struct {
	find func(K) V

	known atomic.Pointer[map[K]V]
	mu    sync.Mutex // one writer at a time
}

func newSeries[K comparable, V any](find func(K) V) *series[K, V] {
	s := &series[K, V]{find: find}
	s.known.Store(&map[K]V{})
	return s
}

func (s *series[K, V]) of(k K) V {
	if v, ok := (*s.known.Load())[k]; ok {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.find(k)
	more := maps.Clone(*s.known.Load())
	more[k] = v
	s.known.Store(&more)
	return v
}
