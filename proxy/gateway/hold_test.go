package gateway

import (
	"testing"

	"sealfront/proxy/objects"
)

// What documents hold together is bounded, and given back with their requests.
func TestDocumentsAreChargedToMemory(t *testing.T) {
	shed := ""
	g := testGateway(t, func(o *Options) { o.Observe.Shed = func(reason string) { shed = reason } })
	g.SetLimits(Limits{Documents: 100})
	request := &testRequest{method: "POST", path: "/kms", query: "delete=", who: "all"}
	first, second := request.exchange(t, g), request.exchange(t, g)
	if err := first.chargeMemory(60); err != nil {
		t.Error(err)
	}
	if err := second.chargeMemory(40); err != nil {
		t.Error(err)
	}
	if err := second.chargeMemory(1); err == nil || objects.Translate(err).Code != "SlowDown" || shed != ShedMemory {
		t.Errorf("beyond the limit: %v, shed %q", err, shed)
	}
	second.finish("SlowDown", nil)
	if err := first.chargeMemory(40); err != nil {
		t.Errorf("what another one has given back: %v", err)
	}
	first.finish("", nil)
	if held := g.admission.charged.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
	g.SetLimits(Limits{})
	last := request.exchange(t, g)
	if err := last.chargeMemory(1 << 40); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	last.finish("", nil)
}
