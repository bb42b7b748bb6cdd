package main

import (
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Limits of memory and of failed logins follow a reload, and what was counted stays counted.
func TestLimitsOfMemoryAndLoginsAreReloaded(t *testing.T) {
	t.Parallel()
	text := proxytest.EmbeddedWith(t, "reload_every: 0s\nlimits: {memory: 1GiB, failed_logins: {rate: 0.001, burst: 2}}")
	file := proxytest.WriteConfig(t, text)
	p := proxytest.Start(t, "serve", "--config", file)
	p.Env["AWS_REGION"] = "us-west-2"
	dir, _, _ := strings.Cut(text[strings.Index(text, "data: ")+6:], "\n")
	p.Env["AWS_CA_BUNDLE"] = dir + "/tls/ca.pem"
	wrong := func() string {
		a := p.Do(&proxytest.Request{
			Method: "HEAD", Path: proxytest.DemoPath + "x",
			Credentials: &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "wrong"},
		})
		return map[int]string{403: "refused", 503: "slowed down"}[a.StatusCode]
	}
	expect := func(when string, want ...string) {
		t.Helper()
		for i, w := range want {
			if got := wrong(); got != w {
				t.Errorf("%s, failed login %d: %s, want %s", when, i+1, got, w)
			}
		}
	}
	limits := func() [2]int {
		return [2]int{p.Metric("sealfront_memory_limit_bytes"), p.Metric("sealfront_active_requests_limit")}
	}
	reload := func(from, to string) {
		t.Helper()
		text = strings.Replace(text, from, to, 1)
		before := p.Metric("sealfront_reloads_total", `outcome="ok"`)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.HangUp()
		proxytest.Eventually(t, "the reload",
			func() bool { return p.Metric("sealfront_reloads_total", `outcome="ok"`) > before })
	}
	requests := func(memory int) int { return (memory - 48<<20) / (640 << 10) } // a base, and what a request needs at most
	first := limits()
	if first != [2]int{1 << 30, requests(1 << 30)} {
		t.Fatalf("at the start: %v", first)
	}
	expect("at the start", "refused", "refused", "slowed down")
	reload("memory: 1GiB", "memory: 512MiB")
	if got := limits(); got != [2]int{512 << 20, requests(512 << 20)} {
		t.Errorf("after the reload: %v", got)
	}
	expect("a reload that leaves logins alone", "slowed down")
	reload("burst: 2", "burst: 20, entries: 10")
	expect("a larger burst, of which nothing is left", "slowed down")
	reload("rate: 0.001", "rate: 0")
	expect("without limit", "refused", "refused", "refused", "refused")
	reload("rate: 0", "rate: 0.001")
	expect("with a limit again", "refused")
	if log := p.Stderr.String(); strings.Contains(log, "take effect at the next start") {
		t.Errorf("the log says that limits wait for a start:\n%s", log)
	}
}
