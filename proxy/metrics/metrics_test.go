package metrics_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sealfront/policy"
	"sealfront/proxy/metrics"
)

// counters returns every counter and gauge of the proxy's own, as name{label="value",…}, and histograms by how many
// they saw.
func counters(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "sealfront_") {
			continue
		}
		for _, metric := range f.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = metric.GetCounter().GetValue() +
				metric.GetGauge().GetValue() +
				float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// Each event is counted in its own series, and in no other.
func TestEachEventHasItsSeries(t *testing.T) {
	for name, c := range map[string]struct {
		event func(*metrics.Metrics)
		want  map[string]float64 // how the series differ afterwards
	}{
		"a request": {func(m *metrics.Metrics) { m.Request("PutObject", "OK", time.Second) }, map[string]float64{
			"sealfront_requests_total{code=OK,operation=PutObject}":   1,
			"sealfront_request_duration_seconds{operation=PutObject}": 1,
		}},
		"a request without an operation": {
			func(m *metrics.Metrics) { m.Request("", "AccessDenied", time.Second) },
			map[string]float64{
				"sealfront_requests_total{code=AccessDenied,operation=unknown}": 1,
				"sealfront_request_duration_seconds{operation=unknown}":         1,
			},
		},
		"a request to the store": {
			func(m *metrics.Metrics) { m.Store("GetObject", 503, "", time.Second) },
			map[string]float64{
				"sealfront_store_requests_total{code=503,operation=GetObject}":  1,
				"sealfront_store_request_duration_seconds{operation=GetObject}": 1,
			},
		},
		"a request to the store that got no answer": {
			func(m *metrics.Metrics) { m.Store("GetObject", 0, "hanging", time.Second) },
			map[string]float64{
				"sealfront_store_requests_total{code=hanging,operation=GetObject}": 1,
				"sealfront_store_request_duration_seconds{operation=GetObject}":    1,
			},
		},
		"a call of KMS": {
			func(m *metrics.Metrics) { m.KMS("Decrypt", "AccessDeniedException", time.Second) },
			map[string]float64{
				"sealfront_kms_calls_total{call=Decrypt,outcome=AccessDeniedException}": 1,
				"sealfront_kms_call_duration_seconds{call=Decrypt}":                     1,
			},
		},
		"a bucket key in memory": {
			(*metrics.Metrics).BucketKeyHit,
			map[string]float64{"sealfront_bucket_keys_total{result=hit}": 1},
		},
		"a bucket key that isn't": {
			(*metrics.Metrics).BucketKeyMiss,
			map[string]float64{"sealfront_bucket_keys_total{result=miss}": 1},
		},
		"a call saved": {
			(*metrics.Metrics).Saved,
			map[string]float64{"sealfront_kms_calls_saved_total{}": 1},
		},
		"bytes from a client": {
			func(m *metrics.Metrics) { m.Bytes("in", 7) },
			map[string]float64{"sealfront_body_bytes_total{direction=in}": 7},
		},
		"bytes to a client": {
			func(m *metrics.Metrics) { m.Bytes("out", 8) },
			map[string]float64{"sealfront_body_bytes_total{direction=out}": 8},
		},
		"damaged data": {
			func(m *metrics.Metrics) { m.Integrity("record") },
			map[string]float64{"sealfront_integrity_failures_total{kind=record}": 1},
		},
		"a refusal": {
			func(m *metrics.Metrics) { m.Refusal("B2") },
			map[string]float64{"sealfront_refusals_total{row=B2}": 1},
		},
		"shed for want of memory": {
			func(m *metrics.Metrics) { m.Shed("memory") },
			map[string]float64{"sealfront_shed_requests_total{reason=memory}": 1},
		},
		"a session": {
			func(m *metrics.Metrics) { m.Session("issued") },
			map[string]float64{"sealfront_sessions_total{outcome=issued}": 1},
		},
		"audit records": {
			func(m *metrics.Metrics) { m.Audit("lost", 3) },
			map[string]float64{"sealfront_audit_records_total{outcome=lost}": 3},
		},
		"a clock that is ahead": {
			func(m *metrics.Metrics) { m.ClockSkew(1500 * time.Millisecond) },
			map[string]float64{"sealfront_clock_skew_seconds{}": 1.5},
		},
	} {
		m := metrics.New()
		before := counters(t, m)
		c.event(m)
		after := counters(t, m)
		for series, n := range after {
			if n-before[series] != c.want[series] {
				t.Errorf("%s: %s grew by %g, want %g", name, series, n-before[series], c.want[series])
			}
		}
		for series := range c.want {
			if _, ok := after[series]; !ok {
				t.Errorf("%s: no series %s", name, series)
			}
		}
	}
}

// The trace of a request is the exemplar of what counts it; one without a trace leaves the last.
func TestTracesAreExemplars(t *testing.T) {
	m := metrics.New()
	m.TracedRequest("GetObject", "OK", time.Second, "0af7651916cd43dd8448eb211c80319c")
	m.Request("GetObject", "OK", time.Second)
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if e := metric.GetCounter().GetExemplar(); e != nil {
				found[f.GetName()] = e.String()
			}
			for _, b := range metric.GetHistogram().GetBucket() {
				if e := b.GetExemplar(); e != nil {
					found[f.GetName()] = e.String()
				}
			}
		}
	}
	for _, name := range []string{"sealfront_requests_total", "sealfront_request_duration_seconds"} {
		if !strings.Contains(found[name], "0af7651916cd43dd8448eb211c80319c") {
			t.Errorf("%s has the exemplar %q", name, found[name])
		}
	}
}

// The time of loading is that of the configuration in force: a refused one doesn't change it.
func TestReloadsAreCounted(t *testing.T) {
	m := metrics.New()
	for i, step := range []func(time.Time){
		m.Loaded, func(at time.Time) { m.Reload(true, at) },
		func(at time.Time) { m.Reload(false, at) },
	} {
		step(time.Unix(int64(100*(i+1)), 0))
		got := counters(t, m)
		loaded, ok, refused := got["sealfront_configuration_loaded_timestamp_seconds{}"],
			got["sealfront_reloads_total{outcome=ok}"], got["sealfront_reloads_total{outcome=refused}"]
		if want := [][3]float64{{100, 0, 0}, {200, 1, 0}, {200, 1, 1}}[i]; loaded != want[0] || ok != want[1] ||
			refused != want[2] {
			t.Errorf("step %d: loaded at %g, %g accepted, %g refused; want %v", i, loaded, ok, refused, want)
		}
	}
}

// Series that alerts read exist before the first event.
func TestSeriesExistBeforeTheirFirstEvent(t *testing.T) {
	got := counters(t, metrics.New())
	for _, series := range []string{
		"sealfront_shed_requests_total{reason=requests}", "sealfront_shed_requests_total{reason=audit}",
		"sealfront_reloads_total{outcome=ok}", "sealfront_reloads_total{outcome=refused}",
		"sealfront_audit_records_total{outcome=lost}",
		"sealfront_sessions_total{outcome=issued}", "sealfront_bucket_keys_total{result=hit}",
		"sealfront_body_bytes_total{direction=out}",
		"sealfront_requests_total{code=ServiceUnavailable,operation=GetObject}",
		"sealfront_requests_total{code=SlowDown,operation=unknown}",
		"sealfront_store_requests_total{code=hanging,operation=HeadObject}",
		"sealfront_store_requests_total{code=away,operation=PutObject}",
		"sealfront_store_requests_total{code=507,operation=UploadPart}",
		"sealfront_kms_calls_total{call=Decrypt,outcome=unreachable}",
		"sealfront_kms_calls_total{call=GenerateDataKey,outcome=DisabledException}",
		"sealfront_integrity_failures_total{kind=segment}",
	} {
		if n, ok := got[series]; !ok || n != 0 {
			t.Errorf("%s: %g, %t", series, n, ok)
		}
	}
}

// Counting allocates nothing once a series is known, and is right from many goroutines at once.
func TestCountingIsConcurrentAndAllocatesNothing(t *testing.T) {
	m := metrics.New()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 1000 {
				m.Request([]string{"GetObject", "PutObject"}[i%2], "OK", time.Millisecond)
				m.Store("GetObject", 200+i%2, "", time.Millisecond)
			}
		})
	}
	group.Wait()
	s, err := m.Snapshot()
	if err != nil || s.Requests != 8000 || s.StoreRequests != 8000 || s.Operations["GetObject"] != 4000 {
		t.Errorf("%+v, %v", s, err)
	}
	if n := testing.AllocsPerRun(100, func() {
		m.Request("GetObject", "OK", time.Millisecond)
		m.Store("GetObject", 200, "", time.Millisecond)
		m.Bytes("in", 1)
		m.BucketKeyHit()
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestSnapshot(t *testing.T) {
	m := metrics.New()
	m.Gauge("sealfront_active_requests", "h", func() float64 { return 3 })
	m.Gauge("sealfront_open_connections", "h", func() float64 { return 4 })
	m.Info("sealfront_build_info", "h", map[string]string{"version": "1"})
	for _, code := range []string{"OK", "NoSuchKey", "InternalError", "SlowDown", "ServiceUnavailable"} {
		m.Request("GetObject", code, time.Millisecond)
	}
	for _, code := range []int{200, 404, 500, 503} {
		m.Store("HeadObject", code, "", time.Millisecond)
	}
	m.Store("HeadObject", 0, "hanging", time.Millisecond)
	m.Store("HeadObject", 0, "canceled", time.Millisecond)
	m.KMS("Decrypt", "ok", 0)
	m.KMS("Decrypt", "KMSInternalException", 0)
	m.Saved()
	m.BucketKeyHit()
	m.BucketKeyHit()
	m.BucketKeyMiss()
	m.Bytes("in", 10)
	m.Bytes("out", 20)
	m.Session("issued")
	m.Session("AccessDenied")
	m.Shed("rate")
	m.Shed("memory")
	m.Integrity("record")
	m.Refusal("B2")
	m.Refusal("B2")
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]float64{
		"requests": {s.Requests, 5}, "failed": {s.Failed, 3}, "in": {s.In, 10}, "out": {s.Out, 20},
		"calls of KMS": {s.KMSCalls, 2}, "failed calls": {s.KMSFailed, 1}, "saved": {s.Saved, 1},
		"hits": {s.Hits, 2}, "misses": {s.Misses, 1}, "to the store": {s.StoreRequests, 6},
		"failed there": {s.StoreFailed, 3},
		"sessions":     {s.Sessions, 1}, "shed": {s.Shed, 2}, "integrity": {s.Integrity, 1}, "active": {s.Active, 3},
		"connections": {s.Connections, 4}, "refusals": {s.Refusals["B2"], 2},
		"operations": {s.Operations["GetObject"], 5},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %g, want %g", name, c[0], c[1])
		}
	}
	if n := counters(t, m)["sealfront_build_info{version=1}"]; n != 1 {
		t.Errorf("info: %g", n)
	}
}

func TestASnapshotThatCannotBeTaken(t *testing.T) {
	m := metrics.New()
	m.Registry.MustRegister(failing{})
	if s, err := m.Snapshot(); err == nil {
		t.Errorf("%+v", s)
	}
}

// failing is a collector that has no value to give.
type failing struct{}

func (failing) Describe(c chan<- *prometheus.Desc) { c <- prometheus.NewDesc("broken", "", nil, nil) }

func (failing) Collect(c chan<- prometheus.Metric) {
	c <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "", nil, nil), errors.New("no value"))
}

func TestQuantiles(t *testing.T) {
	one := &metrics.Latency{Bounds: []float64{1, 2, 4, math.Inf(1)}, Counts: []float64{10, 20, 20, 20}}
	open := &metrics.Latency{Bounds: []float64{1, 2, 4, math.Inf(1)}, Counts: []float64{0, 0, 0, 5}}
	for name, c := range map[string]struct {
		l      *metrics.Latency
		before metrics.Latency
		q      float64
		want   float64
	}{
		"the median is where a bucket ends": {one, metrics.Latency{}, .5, 1},
		"in the middle of a bucket":         {one, metrics.Latency{}, .75, 1.5},
		"all":                               {one, metrics.Latency{}, 1, 2},
		"since before":                      {one, metrics.Latency{Counts: []float64{10, 10, 10, 10}}, .5, 1.5},
		"none since before":                 {one, metrics.Latency{Counts: one.Counts}, .5, 0},
		"above the last bound":              {open, metrics.Latency{}, .5, 4},
		"no requests at all":                {&metrics.Latency{}, metrics.Latency{}, .5, 0},
		"no requests, with the bounds known": {
			&metrics.Latency{Bounds: one.Bounds, Counts: make([]float64, 4)},
			metrics.Latency{},
			.99, 0,
		},
	} {
		if got := c.l.Quantile(c.q, &c.before); got != c.want {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
	m := metrics.New()
	for range 100 {
		m.Request("GetObject", "OK", 3*time.Millisecond)
	}
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Latency.Quantile(.5, &metrics.Latency{}); got < .0025 || got > .005 {
		t.Errorf("the median of requests of 3 ms is %g s", got)
	}
}

// The series that exist from the start are of operations that there are.
func TestInitialSeriesAreOfOperations(t *testing.T) {
	known := map[string]bool{"unknown": true}
	for o := policy.Operation(1); o.String() != ""; o++ {
		known[o.String()] = true
	}
	for series := range counters(t, metrics.New()) {
		if _, operation, ok := strings.Cut(series, "operation="); ok {
			if operation, _, _ = strings.Cut(operation, "}"); !known[operation] {
				t.Errorf("%s: there is no such operation", series)
			}
		}
	}
}
