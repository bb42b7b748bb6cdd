package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// A drill is an incident that is played: a program under a little traffic, whose metrics are recorded, and then a
// fault. A tick of it stands for scrapeEvery; the rules in deploy/alerts.yaml are evaluated by promtool over what was
// recorded.
type drill struct {
	t       *testing.T
	p       *proxytest.Program
	other   *proxytest.Program // another replica; nil: there is none
	key     string             // the bucket's, in KMS
	again   func() *proxytest.Program
	began   time.Time
	samples []map[string]float64 // by series, as /metrics writes them, with instance and job
	fault   int                  // how many there were when the fault began
	traffic sync.WaitGroup
	quiet   bool // no requests are sent
}

const (
	tick        = 400 * time.Millisecond
	scrapeEvery = 15 * time.Second
	steadyTicks = 24 // before the fault: six minutes
	faultTicks  = 12 // after it: three minutes
	pagesWithin = 5  // ticks in which the alert must come: with the 12 s until trouble is noticed, less than 90 s
)

const (
	drillBucket = "drill--local-az1--x-s3"
	drillPath   = "/" + drillBucket + "/k"
)

// ask sends a request and returns the answer's code, "" for success, and how long it took.
func (d *drill) ask(method, path string) (code string, took time.Duration) {
	r := &proxytest.Request{Method: method, Path: path}
	if method == "PUT" {
		r.Body = "hello"
	}
	began := time.Now()
	a := d.p.Do(r)
	if a.StatusCode/100 == 2 {
		return "", time.Since(began)
	}
	return fmt.Sprint(a.StatusCode, " ", a.Code()), time.Since(began)
}

// run records so many ticks, with a PUT and two GETs in each.
func (d *drill) run(ticks int) {
	d.t.Helper()
	for range ticks {
		next := time.After(tick)
		for i, method := range []string{"PUT", "GET", "GET"} {
			if d.quiet {
				break
			}
			d.traffic.Go(func() { d.ask(method, drillPath+strconv.Itoa(i/2)) })
		}
		<-next
		d.samples = append(d.samples, d.sample())
	}
}

// sample reads the metrics of all replicas, as Prometheus would.
func (d *drill) sample() map[string]float64 {
	d.t.Helper()
	all := make(map[string]float64)
	for instance, p := range map[string]*proxytest.Program{"a:9090": d.p, "b:9090": d.other} {
		if p == nil {
			continue
		}
		target := fmt.Sprintf(`job="sealfront",instance=%q,namespace="n"`, instance)
		resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + "/metrics")
		if err != nil {
			all["up{"+target+"}"] = 0
			continue
		}
		text, err := io.ReadAll(resp.Body)
		if _ = resp.Body.Close(); err != nil {
			d.t.Fatal(err)
		}
		all["up{"+target+"}"] = 1
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
			value, err := strconv.ParseFloat(strings.TrimSpace(line)[at+1:], 64)
			if err != nil {
				d.t.Fatalf("%q: %v", line, err)
			}
			name, labels, labelled := strings.Cut(strings.TrimSuffix(line[:at], "}"), "{")
			if labelled {
				labels += ","
			}
			all[name+"{"+labels+target+"}"] = value
		}
	}
	return all
}

// Alerts are those of a drill: the ones that must fire, and those that may besides, since a fault has several sides.
// Any other critical one must not.
type alerts struct{ must, may []string }

// firing checks which alerts fire so many ticks after the fault.
func (d *drill) firing(ticks int, want alerts) {
	d.t.Helper()
	promtool := proxytest.ProgramPath(d.t, "promtool")
	names := map[string]bool{}
	for _, s := range d.samples {
		for name := range s {
			names[name] = true
		}
	}
	// What is a time moves as fast as promtool's, which begins at 0.
	faster := float64(len(d.samples)) * scrapeEvery.Seconds() / time.Since(d.began).Seconds()
	type series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	var input []series
	for _, name := range slices.Sorted(maps.Keys(names)) {
		base, _, _ := strings.Cut(name, "{")
		isTime := strings.HasSuffix(base, "_timestamp_seconds") || base == "process_start_time_seconds"
		values := make([]string, len(d.samples))
		for i, s := range d.samples {
			v, ok := s[name]
			if isTime {
				v = (v - float64(d.began.UnixMilli())/1000) * faster
			}
			if values[i] = "_"; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
				values[i] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
		input = append(input, series{name, strings.Join(values, " ")})
	}
	rules, err := filepath.Abs("../deploy/alerts.yaml")
	if err != nil {
		d.t.Fatal(err)
	}
	var expected []any
	for _, name := range want.must {
		expected = append(expected, map[string]any{"labels": fmt.Sprintf(`{alertname=%q}`, name), "value": 1})
	}
	expectable := strings.Join(slices.Concat(want.must, want.may), "|")
	at := (time.Duration(d.fault+ticks-1) * scrapeEvery).String()
	text, err := json.Marshal(map[string]any{
		"rule_files": []string{rules}, "evaluation_interval": scrapeEvery.String(),
		"tests": []any{map[string]any{
			"interval": scrapeEvery.String(), "input_series": input,
			"promql_expr_test": []any{map[string]any{
				"expr":      `max by (alertname) (ALERTS{alertstate="firing",alertname=~"` + strings.Join(want.must, "|") + `"})`,
				"eval_time": at, "exp_samples": expected,
			}, map[string]any{
				"expr":      `max by (alertname) (ALERTS{alertstate="firing",severity="critical",alertname!~"` + expectable + `"})`,
				"eval_time": at, "exp_samples": []any{},
			}},
		}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	file := filepath.Join(d.t.TempDir(), "drill.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		d.t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "test", "rules", file).CombinedOutput(); err != nil {
		d.t.Errorf("%d ticks after the fault: %s", ticks, out[max(0, bytes.Index(out, []byte("exp:"))):])
	}
}

// drilling has an element for each drill at work: their deadlines are short, and a machine that is busy misses them.
var drilling = make(chan struct{}, 4)

// startDrill starts a program between a store and a KMS that can be put into trouble, with further lines of
// configuration, and plays the time before a fault. authority has issued the certificate in more; "" for one that is
// made.
func startDrill(t *testing.T, more, authority string, options ...proxytest.Option) (
	*drill, *proxytest.StoreFront, *proxytest.FaultyKMS,
) {
	t.Helper()
	if testing.Short() {
		t.Skip("drills keep time: they run without -short")
	}
	drilling <- struct{}{}
	t.Cleanup(func() { <-drilling })
	front, kms := proxytest.NewStoreFront(t), proxytest.NewFaultyKMS(t)
	prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
	if authority == "" {
		a := proxytest.NewAuthority(t)
		authority = a.File
		issueDrill(t, a, 90*24*time.Hour)
		more += drillTLS(a)
	}
	start := func() *proxytest.Program {
		p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate,
  timeout: 1s, connect_timeout: 1s}
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, timeout: 1s,
  bucket_key: {lifetime: 4s}}
%s`, front.URL, prefix, prefix, kms.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, kms.ServiceKey, more),
			append(options, proxytest.HealthEvery(5*time.Second))...)
		p.Env["AWS_CA_BUNDLE"] = authority
		return p
	}
	d := &drill{t: t, p: start(), key: kms.MakeKey(t), again: start, began: time.Now()}
	proxytest.NewKMSBucket(d.p, drillBucket, d.key)
	t.Cleanup(d.traffic.Wait)
	d.run(steadyTicks)
	d.fault = len(d.samples)
	d.firing(0, alerts{})
	if text := d.p.AdminText("/readyz"); text != "ok\n" {
		t.Errorf("before the fault: %s", text)
	}
	return d, front, kms
}

// health waits until the program says of a dependency how it stands, which must not take longer than 90 s of the
// drill's, and checks that the admin address answers at once meanwhile.
func (d *drill) health(dependency, state string, ready int) {
	d.t.Helper()
	proxytest.Eventually(d.t, dependency+" "+state, func() bool {
		return d.p.Metric("sealfront_health", `dependency="`+dependency+`"`, `state="`+state+`"`) == 1
	})
	for _, path := range []string{"/readyz?verbose", "/status", "/"} {
		began := time.Now()
		resp, text := d.p.GetAdmin(d.t, path)
		if took := time.Since(began); took > 5*time.Second {
			d.t.Errorf("GET %s took %v", path, took)
		}
		switch path {
		case "/readyz?verbose":
			if resp.StatusCode != ready || !strings.Contains(text, dependency+" "+state) {
				d.t.Errorf("/readyz: %d, want %d: %s", resp.StatusCode, ready, text)
			}
		case "/status":
			if !strings.Contains(text, `"name":"`+dependency+`","state":"`+state+`"`) {
				d.t.Errorf("/status doesn't say that %s is %s: %s", dependency, state, text)
			}
		}
	}
	if d.p.Metric("sealfront_ready") != map[bool]int{true: 1}[ready == 200] {
		d.t.Errorf("sealfront_ready isn't %d's", ready)
	}
}

// gets checks what clients get.
func (d *drill) gets(method, want string, within time.Duration) {
	d.t.Helper()
	if code, took := d.ask(method, drillPath+"0"); code != want || took > within {
		d.t.Errorf("%s: %q in %v, want %q within %v", method, code, took, want, within)
	}
}

// play runs the time after the fault and checks which alerts there are in time, and at its end.
func (d *drill) play(want alerts) {
	d.t.Helper()
	d.run(faultTicks)
	d.firing(pagesWithin, want)
	d.firing(faultTicks, want)
}

// issueDrill makes the certificate of a drill's program.
func issueDrill(t *testing.T, a *proxytest.Authority, life time.Duration) {
	t.Helper()
	a.IssueTo(t, "drill", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
	})
}

func drillTLS(a *proxytest.Authority) string {
	return fmt.Sprintf("tls: {cert: %q, key: %q}\n", a.Path("drill.crt"), a.Path("drill.key"))
}
