package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// startFails runs the program until it has ended by itself, and returns what it said.
func startFails(t *testing.T, config string) string {
	t.Helper()
	cmd := proxytest.Command("serve", "--config", config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLate := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !tooLate.Stop() || err == nil || cmd.ProcessState.ExitCode() != command.StatusError {
		t.Fatalf("it ended with %v:\n%s", err, out.String())
	}
	return out.String()
}

// The program doesn't start without KMS, says why, and has harmed nothing: neither at the first start, when the state
// key is made, nor at a later one.
func TestAStartNeedsKMS(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	dir := t.TempDir()
	text := k.Config(dir, "") + proxytest.Identity
	patient := proxytest.WriteConfig(t, text)
	faults := []struct {
		name   string
		fault  proxytest.KMSFault
		says   string
		config string
	}{
		{
			"hangs", proxytest.KMSHangs, "deadline exceeded",
			proxytest.WriteConfig(t, k.Config(dir, "timeout: 1s")+proxytest.Identity),
		},
		{
			"is disabled", proxytest.KMSSays("DisabledException", 400, k.ServiceKey+" is disabled."), "DisabledException",
			patient,
		},
		{"gives 16 bytes", proxytest.KMSAlters(proxytest.WithPlaintext(make([]byte, 16))), "16 bytes", patient},
	}
	for _, f := range faults {
		k.Set(k.ServiceKey, f.fault)
		if said := startFails(t, f.config); !strings.Contains(said, f.says) || !strings.Contains(said, k.ServiceKey) {
			t.Errorf("the first start, when KMS %s: %s", f.name, said)
		}
	}
	k.Set(k.ServiceKey, nil)
	p := proxytest.StartWith(t, text)
	b := proxytest.NewKMSBucket(p, "start--local-az1--x-s3", k.MakeKey(t))
	b.Must(&proxytest.Request{Method: "PUT", Path: b.Path("object"), Body: "body"})
	p.Stop()
	for _, f := range faults {
		k.Set(k.ServiceKey, f.fault)
		if said := startFails(t, f.config); !strings.Contains(said, f.says) {
			t.Errorf("a later start, when KMS %s: %s", f.name, said)
		}
	}
	k.Set(k.ServiceKey, nil)
	b.P = proxytest.StartWith(t, text)
	if a := b.Must(&proxytest.Request{Method: "GET", Path: b.Path("object")}); a.Text != "body" {
		t.Errorf("in the end: %q", a.Text)
	}
}
