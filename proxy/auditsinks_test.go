package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// With on_failure: refuse, no request is answered while the receiver of the audit log is away; what says so are the
// metrics, and the status page. Nothing but a receiver is needed for requests to be answered again.
func TestRequestsNeedTheReceiverOfTheAuditLog(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "audit.sock")
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t,
		fmt.Sprintf("log: {audit: {sink: syslog, address: %q, on_failure: refuse}}", "unix://"+name)))
	get := func() int {
		return p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "absent"}).StatusCode
	}
	proxytest.Eventually(t, "the gauge", func() bool { return p.Metric("sealfront_audit_failing") == 1 })
	if status := get(); status != http.StatusServiceUnavailable {
		t.Errorf("without a receiver: %d", status)
	}
	if text := p.AdminText("/status"); !strings.Contains(text, "syslog unix://"+name+", can't be written") {
		t.Errorf("the status: %s", text)
	}
	proxytest.Eventually(t, "the health", func() bool {
		return p.Metric("sealfront_health", `dependency="audit"`, `state="refusing"`) == 1
	})
	ln, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	received := &proxytest.Buffer{}
	go func() {
		c, err := ln.Accept()
		for b := make([]byte, 4096); err == nil; {
			var n int
			n, err = c.Read(b)
			_, _ = received.Write(b[:n])
		}
	}()
	proxytest.Eventually(t, "the gauge with a receiver", func() bool { return p.Metric("sealfront_audit_failing") == 0 })
	if status := get(); status != http.StatusNotFound {
		t.Errorf("with a receiver: %d", status)
	}
	proxytest.Eventually(t, "the record", func() bool {
		return strings.Contains(received.String(), "<110>1 ") &&
			strings.Contains(received.String(), `"operation":"GetObject"`)
	})
	if n := p.Metric("sealfront_audit_lost_records") + p.Metric("sealfront_audit_waiting_records"); n != 0 {
		t.Errorf("%d records are lost or wait", n)
	}
}

func TestTheAuditLogOnStandardOutput(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "log: {audit: {sink: stdout, keys: hash}}"))
	p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "absent"})
	// proxytest notes what is on standard output and no export.
	proxytest.Eventually(t, "the record", func() bool {
		log := p.Stderr.String()
		return strings.Contains(log, `unexpected on stdout: {"hash":`) && strings.Contains(log, `"event":"begin"`) &&
			strings.Contains(log, `"keyHash":`)
	})
	p.Stop()
	file := filepath.Join(t.TempDir(), "collected")
	if err := os.WriteFile(file, []byte(p.Stderr.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, status := proxytest.Subcommand(t, "audit", "verify", "--collected", file)
	if status != 0 || !strings.Contains(out, ": 3 records hold; the last is ") || !strings.HasSuffix(out, ", ended\n") {
		t.Errorf("%d %s%s", status, out, errs)
	}
}
