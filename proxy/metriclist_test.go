package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// TestMetricsAreThoseOfTheList compares what the program shows with OPERATING.md's table, names and labels, and has
// Prometheus's own tool look at it.
func TestMetricsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, ""))
	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello"},
		{Method: "GET", Path: "/" + proxytest.DemoBucket, Query: "session="},
		{
			Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms:dsse")},
		},
	} {
		p.Do(r)
	}
	damageMetric(p, t)
	text := p.AdminText("/metrics")
	shown := map[string]string{}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if name, _, _ := strings.Cut(rest, " "); strings.HasPrefix(name, "sealfront_") {
				shown[name] = ""
			}
		}
	}
	series := regexp.MustCompile(`(?m)^(sealfront_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? [^ ]+$`)
	label := regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		var labels []string
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		if _, ok := shown[m[1]]; ok {
			shown[m[1]] = strings.Join(labels, ", ")
		}
	}
	manual, err := os.ReadFile("../deploy/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	// Those of tools are in files (package command's TestMetricsOfATool).
	for _, m := range regexp.MustCompile("(?m)^\\| `(sealfront_\\w+)` \\| ([a-z, ]*)\\|").FindAllStringSubmatch(string(manual), -1) {
		if strings.HasPrefix(m[1], "sealfront_tool_") {
			continue
		}
		labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(labels)
		listed[m[1]] = strings.Join(labels, ", ")
	}
	for name, labels := range shown {
		if want, ok := listed[name]; !ok || want != labels {
			t.Errorf("%s{%s} is shown, the list has %q (%t)", name, labels, want, ok)
		}
	}
	for name := range listed {
		if _, ok := shown[name]; !ok {
			t.Errorf("%s is listed, but not shown", name)
		}
	}
	cmd := exec.Command(proxytest.ProgramPath(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v %s", err, out)
	}
}

// damageMetric makes an integrity failure, so that its series is there.
func damageMetric(p *proxytest.Program, t *testing.T) {
	t.Helper()
	dir := strings.TrimSuffix(p.Env["AWS_CA_BUNDLE"], "/tls/ca.pem")
	p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "damaged", Body: strings.Repeat("x", 1000)})
	file := proxytest.StoredFile(dir, proxytest.DemoBucket, "damaged")
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damage"), 100); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "damaged"}); a.StatusCode == 200 &&
		a.Err == nil {
		t.Fatal("damage wasn't found")
	}
}
