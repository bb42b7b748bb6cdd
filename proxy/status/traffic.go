package status

import (
	"time"

	"sealfront/proxy/metrics"
)

// A Flow is what something did in a time.
type Flow struct {
	Rate   float64 `json:"rate"`   // requests a second
	Failed float64 `json:"failed"` // of them, a second: 5xx, no answer, or an error of KMS
	P50    float64 `json:"p50"`    // seconds
	P99    float64 `json:"p99"`
}

// A Traffic is what passed in a time.
type Traffic struct {
	At      time.Time `json:"at"` // its end
	Seconds float64   `json:"seconds"`
	Flow              // answers to clients
	In      float64   `json:"in"` // bytes a second
	Out     float64   `json:"out"`

	Store      Flow            `json:"store"`
	KMS        Flow            `json:"kms"`
	Operations map[string]Flow `json:"operations"` // answers to clients, by operation that had any
}

func between(a, b sample) Traffic {
	t := Traffic{At: b.at, Seconds: b.at.Sub(a.at).Seconds(), Operations: make(map[string]Flow)}
	t.Flow = t.flow(&metrics.Service{Requests: a.Requests, Failed: a.Failed, Latency: a.Latency},
		&metrics.Service{Requests: b.Requests, Failed: b.Failed, Latency: b.Latency})
	t.Store, t.KMS = t.flow(&a.Store, &b.Store), t.flow(&a.KMS, &b.KMS)
	for name, o := range b.ByOperation {
		before := a.ByOperation[name]
		if before == nil {
			before = new(metrics.Service)
		}
		if o.Requests > before.Requests {
			t.Operations[name] = t.flow(before, o)
		}
	}
	if t.Seconds > 0 {
		t.In, t.Out = (b.In-a.In)/t.Seconds, (b.Out-a.Out)/t.Seconds
	}
	return t
}

// flow is what happened between two readings.
func (t *Traffic) flow(a, b *metrics.Service) Flow {
	f := Flow{P50: b.Latency.Quantile(.5, &a.Latency), P99: b.Latency.Quantile(.99, &a.Latency)}
	if t.Seconds > 0 {
		f.Rate, f.Failed = (b.Requests-a.Requests)/t.Seconds, (b.Failed-a.Failed)/t.Seconds
	}
	return f
}
