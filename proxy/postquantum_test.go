package main

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"testing"

	"sealfront/proxy/proxytest"
)

// Clients that can agree on keys that no quantum computer finds do so, without a setting, and others as before.
func TestTLSAgreesOnPostQuantumKeys(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	at, err := url.Parse(p.Env["AWS_ENDPOINT_URL"])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		offered []tls.CurveID
		agreed  tls.CurveID
	}{
		"what Go's clients offer": {nil, tls.X25519MLKEM768},
		"that alone":              {[]tls.CurveID{tls.X25519MLKEM768}, tls.X25519MLKEM768},
		"an older client":         {[]tls.CurveID{tls.X25519, tls.CurveP256}, tls.X25519},
	} {
		config := p.HTTPClient(t).Transport.(*http.Transport).TLSClientConfig.Clone()
		config.CurvePreferences = c.offered
		conn, err := tls.Dial("tcp", at.Host, config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := conn.ConnectionState().CurveID; got != c.agreed {
			t.Errorf("%s: agreed on %v, want %v", name, got, c.agreed)
		}
		_ = conn.Close()
	}
}
