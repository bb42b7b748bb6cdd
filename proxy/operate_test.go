package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A collector takes spans as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		text, err := io.ReadAll(body)
		var request coltrace.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("X-Token") != "secret" ||
			proto.Unmarshal(text, &request) != nil {
			t.Errorf("%s %v %v", r.URL, r.Header, err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range request.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// find returns the span of this name whose trace has this id in hex, "" for any.
func (c *collector) find(name, trace string) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name && (trace == "" || fmt.Sprintf("%x", s.TraceId) == trace) {
			return s
		}
	}
	return nil
}

func attribute(s *tracepb.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func TestTracesReachACollector(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := proxytest.StartWith(t,
		proxytest.EmbeddedWith(t, "tracing: {endpoint: \""+c.URL+"/v1/traces\", headers: {X-Token: secret}}"))
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: proxytest.DemoPath + "secret-name", Body: "hello",
		Header: []sigv4.Field{proxytest.Field("traceparent", "00-"+trace+"-"+parent+"-01")},
	})
	if a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "none"}); a.StatusCode != 404 {
		t.Fatal(a.StatusCode)
	}
	proxytest.Eventually(t, "the spans", func() bool {
		return c.find("PutObject", trace) != nil && c.find("store PutObject", trace) != nil &&
			c.find("GetObject", "") != nil && c.find("KMS GenerateDataKey", "") != nil
	})
	request, child := c.find("PutObject", trace), c.find("store PutObject", trace)
	if fmt.Sprintf("%x", request.ParentSpanId) != parent || string(child.ParentSpanId) != string(request.SpanId) {
		t.Errorf("parents: %x of the request, %x of the store's", request.ParentSpanId, child.ParentSpanId)
	}
	if id := attribute(request, "aws.request_id"); id != a.Header.Get("x-amz-request-id") ||
		attribute(request, "sealfront.code") != "OK" || attribute(request, "sealfront.principal") != "app" {
		t.Errorf("%v", request.Attributes)
	}
	if got := c.find("GetObject", ""); attribute(got, "sealfront.code") != "NoSuchKey" ||
		fmt.Sprintf("%x", got.TraceId) == trace {
		t.Errorf("%v", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if text := s.String(); strings.Contains(text, "secret-name") || strings.Contains(text, "testsecret") {
			t.Errorf("a span names what it shouldn't: %s", text)
		}
	}
	proxytest.Eventually(t, "the trace's id in the log", func() bool {
		return strings.Contains(p.Stderr.String(),
			`"trace":"`+trace+`"`)
	})
	resp, text := p.GetAdmin(t, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") ||
		!strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("metrics are %s", kind)
	}
	for _, series := range []string{
		`sealfront_requests_total{code="OK",operation="PutObject"} `,
		`sealfront_request_duration_seconds_bucket{operation="PutObject",le="`,
	} {
		if !regexp.MustCompile(regexp.QuoteMeta(series) + `.* # {trace_id="` + trace + `"} `).MatchString(text) {
			t.Errorf("%s has no exemplar", series)
		}
	}
}

func TestAuditLogOfTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.log")
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "log: {audit: {file: "+file+"}}"))
	requests := []*proxytest.Request{
		{Method: "PUT", Path: proxytest.DemoPath + "a%20key", Body: "hello"},
		{Method: "GET", Path: proxytest.DemoPath + "a%20key"},
		{
			Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms:dsse")},
		},
		{
			Method: "GET", Path: proxytest.DemoPath + "a%20key",
			Credentials: &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "wrong"},
		},
	}
	var ids []string
	for _, r := range requests {
		ids = append(ids, p.Do(r).Header.Get("x-amz-request-id"))
	}
	proxytest.Eventually(t, "the records",
		func() bool { return p.Metric("sealfront_audit_records_total", `outcome="written"`) == len(requests) })
	records := map[string]map[string]any{}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if id, ok := r["request"].(string); ok {
			records[id] = r
		}
	}
	for i, want := range []map[string]any{
		{
			"operation": "PutObject", "principal": "app", "bucket": proxytest.DemoBucket, "key": "a key",
			"decision": "permitted", "code": "OK", "encryption": "aws:kms", "in": 5., "tls": true,
		},
		{
			"operation": "GetObject", "principal": "app", "decision": "permitted", "code": "OK", "encryption": "aws:kms",
			"out": 5., "status": 200.,
		},
		{"operation": "PutObject", "principal": "app", "decision": "refused", "row": "H-2", "status": 400.},
		{"decision": "refused", "code": "SignatureDoesNotMatch", "status": 403., "remote": "127.0.0.1"},
	} {
		for name, value := range want {
			if got := records[ids[i]][name]; got != value {
				t.Errorf("request %d: %s is %v, want %v", i, name, got, value)
			}
		}
	}
	if k, _ := records[ids[1]]["kmsKey"].(string); !strings.HasPrefix(k, "arn:aws:kms:") {
		t.Errorf("the key of a read: %q", k)
	}
	for _, secret := range []string{"testsecret", "Signature=", "hello"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the audit log has %q", secret)
		}
	}
	verify := func(files ...string) (string, int) {
		t.Helper()
		cmd := proxytest.Command(append([]string{"audit", "verify"}, files...)...)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, status := verify(file); status != 0 || !strings.Contains(out, "5 records hold") {
		t.Errorf("while it is written: %d %s", status, out)
	}
	// Moved away, and SIGHUP.
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	p.HangUp()
	proxytest.Eventually(t, "the next file", func() bool { _, err := os.Stat(file); return err == nil })
	if a := p.Do(requests[1]); a.StatusCode != 200 {
		t.Fatal(a.StatusCode)
	}
	p.Stop()
	if out, status := verify(file+".1", file); status != 0 {
		t.Errorf("both: %d %s", status, out)
	}
	changed := strings.Replace(string(text), `"status":403`, `"status":200`, 1)
	if err := os.WriteFile(file+".1", []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := verify(file + ".1"); status != 1 || !strings.Contains(out, "audit.log.1:5: the hash doesn't match") {
		t.Errorf("after a change: %d %s", status, out)
	}
}

func TestTheAdminAddressIsGuarded(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "admin: {token: tok}"))
	for path, open := range map[string]bool{
		"/livez": true, "/readyz": true, "/metrics": false, "/": false, "/status": false, "/debug/pprof/": false,
		"/explain": false,
	} {
		if resp, _ := p.GetAdmin(t, path); (resp.StatusCode == 200) != open || !open && resp.StatusCode != 401 {
			t.Errorf("%s without the token: %d", path, resp.StatusCode)
		}
		if resp, _ := p.GetAdmin(t, path, "Authorization", "Bearer wrong"); !open && resp.StatusCode != 401 {
			t.Errorf("%s with a wrong token: %d", path, resp.StatusCode)
		}
		if resp, _ := p.GetAdmin(t, path, "Authorization", "Bearer tok"); resp.StatusCode == 401 {
			t.Errorf("%s with the token: %d", path, resp.StatusCode)
		}
		if resp, _ := p.GetAdmin(t, path, "Authorization", "Basic OnRvaw=="); resp.StatusCode == 401 {
			t.Errorf("%s with the token as a password: %d", path, resp.StatusCode)
		}
	}
	health := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "admin: {health_only: true}"))
	for path, status := range map[string]int{
		"/livez": 200, "/readyz": 200, "/metrics": 200, "/": 404, "/status": 404, "/debug/pprof/": 404,
	} {
		if resp, _ := health.GetAdmin(t, path); resp.StatusCode != status {
			t.Errorf("%s with health_only: %d, want %d", path, resp.StatusCode, status)
		}
	}
}

func TestReadinessHasReasons(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "admin: {ready_needs: [store]}\n")
	other := proxytest.StartBehind(t, f, "") // needs nothing but itself
	if resp, body := p.GetAdmin(t, "/readyz"); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode, body)
	}
	f.Set(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true }, nil)
	proxytest.Eventually(t, "unreadiness", func() bool {
		resp, body := p.GetAdmin(t, "/readyz")
		return resp.StatusCode == 503 && strings.Contains(body, "store: refusing: ")
	})
	proxytest.Eventually(t, "what the other one says", func() bool {
		resp, body := other.GetAdmin(t, "/readyz?verbose")
		return resp.StatusCode == 200 && strings.Contains(body, "store refusing: ") &&
			strings.Contains(body, "meanwhile: ") &&
			other.Metric("sealfront_health", `dependency="store"`, `state="refusing"`) == 1 &&
			other.Metric("sealfront_ready") == 1
	})
	f.Set(nil, nil)
	proxytest.Eventually(t, "readiness", func() bool {
		resp, _ := p.GetAdmin(t,
			"/readyz")
		return resp.StatusCode == 200
	})
}

// The page runs in a browser: what it shows came by its script, under its own policy.
func TestTheStatusPageInABrowser(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, ""))
	for range 3 {
		p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello"})
		p.Do(&proxytest.Request{
			Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms:dsse")},
		})
	}
	resp, body := p.GetAdmin(t, "/")
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") ||
		strings.Contains(body, "http://") || strings.Contains(body, "https://") {
		// The one URL is a namespace's, which is never fetched.
		if !strings.HasPrefix(policy, "default-src 'none'") ||
			strings.Count(body, "http") != strings.Count(body, "http://www.w3.org/2000/svg") {
			t.Errorf("the page asks for what isn't its own: %s", policy)
		}
	}
	var report struct {
		Ready   bool
		Keys    struct{ Calls, Saved float64 }
		Buckets []struct{ Name, Kind, Default, Key string }
		Facts   []struct{ Name, Value string }
	}
	_, text := p.GetAdmin(t, "/status")
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Ready || report.Keys.Calls == 0 ||
		len(report.Buckets) != 0 && report.Buckets[0].Name != proxytest.DemoBucket || strings.Contains(text, "testsecret") {
		t.Errorf("%s", text)
	}
	browser := proxytest.ProgramPath(t, "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=3000",
		"--dump-dom", p.Env["SEALFRONT_ADMIN"]+"/").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		">ready</span>", ">H-2</code>", proxytest.DemoBucket, "SSE-KMS", "KMS calls saved", "reachable",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the page doesn't show %q", want)
		}
	}
}
