package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// While the disk of the audit log is full, on_failure decides about requests, the metrics say so, and what is there
// holds in the end.
func TestTheDiskOfTheAuditLogIsFull(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refuse ", refuse), func(t *testing.T) {
			t.Parallel()
			dir := proxytest.SmallDisk(t)
			file, settings := filepath.Join(dir, "audit.log"), "on_failure: continue, max_wait: 500ms"
			if refuse {
				settings = "on_failure: refuse"
			}
			p := proxytest.StartWith(t, proxytest.EmbeddedWith(t,
				fmt.Sprintf("log: {audit: {file: %s, %s}}", file, settings)))
			get := func() int {
				return p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "absent"}).StatusCode
			}
			if status := get(); status != http.StatusNotFound {
				t.Fatalf("with room: %d", status)
			}
			empty := proxytest.Fill(t, dir)
			// The file's last block has room for a few records yet.
			proxytest.Eventually(t, "the gauge", func() bool { get(); return p.Metric("sealfront_audit_failing") == 1 })
			if text := p.AdminText("/status"); !strings.Contains(text, "no space left on device") {
				t.Errorf("the status: %s", text)
			}
			if status := get(); (status == http.StatusServiceUnavailable) != refuse {
				t.Errorf("on a full disk: %d", status)
			}
			if !refuse {
				proxytest.Eventually(t, "records that are lost",
					func() bool { return p.Metric("sealfront_audit_lost_records") > 0 })
			}
			empty()
			proxytest.Eventually(t, "the gauge with room", func() bool {
				return p.Metric("sealfront_audit_failing")+p.Metric("sealfront_audit_waiting_records") == 0
			})
			if status := get(); status != http.StatusNotFound {
				t.Errorf("with room again: %d", status)
			}
			if lost := p.Metric("sealfront_audit_records_total", `outcome="lost"`); (lost > 0) == refuse {
				t.Errorf("%d records were lost", lost)
			}
			p.Stop()
			if out, errs, status := proxytest.Subcommand(t, "audit", "verify", file); status != 0 {
				t.Errorf("%d %s%s", status, out, errs)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), `"event":"lost records"`) == refuse {
				t.Error("the log says of lost records what isn't so")
			}
		})
	}
}
