package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// startFails runs the program until it has ended by itself, and returns what it said.
func startFails(t *testing.T, config string) string {
	t.Helper()
	cmd := programCommand("serve", "--config", config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLate := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !tooLate.Stop() || err == nil || cmd.ProcessState.ExitCode() != statusError {
		t.Fatalf("it ended with %v:\n%s", err, out.String())
	}
	return out.String()
}

// The program doesn't start without KMS, says why, and has harmed nothing: neither at the first start, when the state key
// is made, nor at a later one.
func TestAStartNeedsKMS(t *testing.T) {
	t.Parallel()
	k := newFaultyKMS(t)
	dir := t.TempDir()
	text := k.config(dir, "timeout: 1s") + testIdentity
	config := writeConfig(t, text)
	faults := []struct {
		name  string
		fault kmsFault
		says  string
	}{
		{"hangs", kmsHangs, "deadline exceeded"},
		{"is disabled", kmsSays("DisabledException", 400, k.serviceKey+" is disabled."), "DisabledException"},
		{"gives 16 bytes", kmsAlters(withPlaintext(make([]byte, 16))), "16 bytes"},
	}
	for _, f := range faults {
		k.set(k.serviceKey, f.fault)
		if said := startFails(t, config); !strings.Contains(said, f.says) || !strings.Contains(said, k.serviceKey) {
			t.Errorf("the first start, when KMS %s: %s", f.name, said)
		}
	}
	k.set(k.serviceKey, nil)
	p := startWith(t, text)
	b := newKMSBucket(p, "start--local-az1--x-s3", k.newKey(t))
	b.must(&rawRequest{method: "PUT", path: b.path("object"), body: "body"})
	p.stop()
	for _, f := range faults {
		k.set(k.serviceKey, f.fault)
		if said := startFails(t, config); !strings.Contains(said, f.says) {
			t.Errorf("a later start, when KMS %s: %s", f.name, said)
		}
	}
	k.set(k.serviceKey, nil)
	b.p = startWith(t, text)
	if a := b.must(&rawRequest{method: "GET", path: b.path("object")}); a.body != "body" {
		t.Errorf("in the end: %q", a.body)
	}
}
