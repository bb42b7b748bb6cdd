package metrics_test

import (
	"testing"
	"time"

	"sealfront/proxy/metrics"
)

// What is asked of others, and by clients, is told apart: how often, how it ended and how long it took.
func TestTheSnapshotHasServices(t *testing.T) {
	m := metrics.New()
	m.GaugeOf("sealfront_bucket_key_entries", "", "table", "opening", func() float64 { return 7 })
	for range 9 {
		m.Request("GetObject", "OK", 3*time.Millisecond)
	}
	m.Request("GetObject", "InternalError", 3*time.Millisecond)
	m.Request("PutObject", "AccessDenied", 2*time.Second)
	for _, trouble := range []string{"", "hanging", "away", "canceled", "unavailable"} {
		m.Store("GetObject", 0, trouble, time.Second)
	}
	for _, status := range []int{200, 404, 500, 501, 503} {
		m.Store("PutObject", status, "", time.Second)
	}
	m.KMS("Decrypt", "ok", time.Millisecond)
	m.KMS("Decrypt", "DisabledException", time.Millisecond)
	m.BucketKeyEvicted("sealing")
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.ByOperation) != 2 {
		t.Fatalf("%v", s.ByOperation)
	}
	get, put := s.ByOperation["GetObject"], s.ByOperation["PutObject"]
	var none metrics.Latency
	if get.Requests != 10 || get.Failed != 1 || get.Latency.Quantile(.99, &none) > .005 || put.Requests != 1 ||
		put.Failed != 0 || put.Latency.Quantile(.5, &none) < 1 {
		t.Errorf("%+v, %+v", get, put)
	}
	if &get.Latency.Bounds[0] != &put.Latency.Bounds[0] {
		t.Error("each operation has bounds of its own")
	}
	if s.Store.Requests != 10 || s.Store.Failed != 6 || s.StoreFailed != 6 || s.KMS.Requests != 2 || s.KMS.Failed != 1 ||
		s.Store.Latency.Quantile(.5, &none) < .5 || s.KMS.Latency.Quantile(.5, &none) > .005 {
		t.Errorf("%+v, %+v", s.Store, s.KMS)
	}
	if s.Entries["opening"] != 7 || s.Evictions != 1 {
		t.Errorf("%v, %g", s.Entries, s.Evictions)
	}
}
