package admin_test

import (
	"slices"
	"testing"

	"sealfront/proxy/admin"
)

func TestStrangersConnectionsAreNoFaults(t *testing.T) {
	var noise, faults []string
	log := admin.ErrorLog(func(text string) { noise = append(noise, text) },
		func(text string) { faults = append(faults, text) })
	log.Printf("http: TLS handshake error from %s: EOF", "192.0.2.1:1")
	log.Print("http: panic serving 192.0.2.1:1: a fault\ngoroutine 1")
	if !slices.Equal(noise, []string{"http: TLS handshake error from 192.0.2.1:1: EOF"}) ||
		!slices.Equal(faults, []string{"http: panic serving 192.0.2.1:1: a fault\ngoroutine 1"}) {
		t.Errorf("%q, %q", noise, faults)
	}
}
