package metrics

import (
	dto "github.com/prometheus/client_model/go"
)

// A Service is what the counters of something that answers stand at.
type Service struct {
	Requests, Failed float64
	Latency          Latency
}

// Services are the counters of what answers clients, and of what answers this program.
type Services struct {
	ByOperation map[string]*Service // answers to clients, by S3 operation that has any; Failed: with a 5xx
	Store       Service             // Failed: no answer or a 5xx; what nobody waited for any more isn't
	KMS         Service             // Failed: no answer, or an error
	// Entries are the bucket keys that are kept, by table, and Evictions those that were still good and made room.
	Entries   map[string]float64
	Evictions float64
}

func (s *Services) operation(name string) *Service {
	if s.ByOperation == nil {
		s.ByOperation = make(map[string]*Service)
	}
	o := s.ByOperation[name]
	if o == nil {
		o = new(Service)
		for _, other := range s.ByOperation { // they have the same ones, and a history holds hundreds
			o.Latency.share(&other.Latency)
			break
		}
		s.ByOperation[name] = o
	}
	return o
}

// share makes l, which is empty, one of the same bounds as other.
func (l *Latency) share(other *Latency) {
	if other.Bounds != nil {
		l.Bounds, l.Counts = other.Bounds, make([]float64, len(other.Bounds))
	}
}

// storeFailed reports whether the code of a request to the store stands for a fault of the store's.
func storeFailed(code string) bool {
	switch code {
	case "0", "hanging", "away", "unavailable":
		return true
	}
	return len(code) == 3 && code[0] == '5' && code != "501"
}

func (s *Services) take(name string, label func(string) string, m *dto.Metric) {
	n := m.GetCounter().GetValue()
	switch name {
	case "sealfront_requests_total":
		if n == 0 {
			return
		}
		o := s.operation(label("operation"))
		o.Requests += n
		if failed[label("code")] {
			o.Failed += n
		}
	case "sealfront_request_duration_seconds":
		if m.GetHistogram().GetSampleCount() > 0 {
			s.operation(label("operation")).Latency.add(m.GetHistogram())
		}
	case "sealfront_store_requests_total":
		s.Store.Requests += n
		if storeFailed(label("code")) {
			s.Store.Failed += n
		}
	case "sealfront_store_request_duration_seconds":
		s.Store.Latency.add(m.GetHistogram())
	case "sealfront_kms_calls_total":
		s.KMS.Requests += n
		if label("outcome") != "ok" {
			s.KMS.Failed += n
		}
	case "sealfront_kms_call_duration_seconds":
		s.KMS.Latency.add(m.GetHistogram())
	case "sealfront_bucket_key_evictions_total":
		s.Evictions += n
	case "sealfront_bucket_key_entries":
		if s.Entries == nil {
			s.Entries = make(map[string]float64)
		}
		s.Entries[label("table")] = m.GetGauge().GetValue()
	}
}
