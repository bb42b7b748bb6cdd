package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// A certificate that has expired is served, since some clients may not care, and everything says so: the log, the
// metric, the status page; a renewed one ends that without a start.
func TestAnExpiredCertificateIsSaid(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewAuthority(t)
	ca.Lasting(t, "served", -2*time.Hour, -time.Hour)
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "")+
		fmt.Sprintf("tls: {cert: %s, key: %s}\nreload_every: 20ms\n", ca.Path("served.crt"), ca.Path("served.key")))
	notAfter := func() time.Time {
		for line := range strings.Lines(p.AdminText("/metrics")) {
			var seconds float64
			if _, err := fmt.Sscanf(line, `sealfront_certificate_not_after_timestamp_seconds{source="tls.cert"} %g`,
				&seconds); err == nil {
				return time.Unix(int64(seconds), 0)
			}
		}
		t.Fatal("there is no metric")
		return time.Time{}
	}
	if left := time.Until(notAfter()); left > 0 {
		t.Errorf("%v are left", left)
	}
	if log := p.Stderr.String(); !strings.Contains(log, "a certificate has expired, and connections are refused") ||
		!strings.Contains(log, `"setting":"tls.cert"`) {
		t.Errorf("the log says nothing: %s", log)
	}
	if text := p.AdminText("/status"); !strings.Contains(text,
		"tls.cert (s3.example.com *.s3.example.com), expired, until ") {
		t.Errorf("the status says nothing: %s", text)
	}
	dial := func() error {
		c, err := tls.Dial("tcp", strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"),
			&tls.Config{RootCAs: ca.Pool(), ServerName: "s3.example.com"})
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	if err := dial(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a client that looks: %v", err)
	}
	waitUntil(t, "the refusal is counted", func() bool {
		return p.Metric("sealfront_tls_handshake_failures_total", `reason="certificate"`) > 0
	})
	ca.IssueTo(t, "renewed", &x509.Certificate{DNSNames: []string{"s3.example.com"}})
	for _, kind := range []string{".key", ".crt"} {
		if err := os.Rename(ca.Path("renewed"+kind), ca.Path("served"+kind)); err != nil {
			t.Fatal(err)
		}
	}
	waitUntil(t, "the renewed certificate is served", func() bool { return dial() == nil })
	if left := time.Until(notAfter()); left <= 0 {
		t.Errorf("the metric is still that of the expired one: %v", left)
	}
	waitUntil(t, "the log says that the new one ends soon, too", func() bool {
		return strings.Contains(p.Stderr.String(), "a certificate expires soon")
	})
}

// waitUntil waits for a condition that comes within a moment.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never holds that %s", what)
		}
	}
}
