package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sealfront/proxy/proxytest"
)

// smallDisk is a directory of a file system of 256 KiB, which only this test's processes see: that of a process with
// mounts of its own.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=256k small "$0" && echo mounted && exec sleep 600`, dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Skip("a file system of one's own: ", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Skip("a file system of one's own can't be mounted: ", err)
	}
	inside := filepath.Join("/proc", fmt.Sprint(cmd.Process.Pid), "root", dir)
	if _, err := os.ReadDir(inside); err != nil {
		t.Skip("a file system of one's own: ", err)
	}
	return inside
}

// fill fills a disk, and returns what makes room again.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{4096, 1} { // to the last byte
		for b := make([]byte, size); err == nil; {
			_, err = f.Write(b)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// While the disk of the audit log is full, on_failure decides about requests, the metrics say so, and what is there holds
// in the end.
func TestTheDiskOfTheAuditLogIsFull(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refuse ", refuse), func(t *testing.T) {
			t.Parallel()
			dir := smallDisk(t)
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
			empty := fill(t, dir)
			// The file's last block has room for a few records yet.
			proxytest.Eventually(t, "the gauge", func() bool { get(); return p.Metric("sealfront_audit_failing") == 1 })
			if text := p.AdminText("/status"); !strings.Contains(text, "no space left on device") {
				t.Errorf("the status: %s", text)
			}
			if status := get(); (status == http.StatusServiceUnavailable) != refuse {
				t.Errorf("on a full disk: %d", status)
			}
			if !refuse {
				proxytest.Eventually(t, "records that are lost", func() bool { return p.Metric("sealfront_audit_lost_records") > 0 })
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
