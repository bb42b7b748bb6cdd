package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/memstore"
)

// memory is a running store, and the environment that names it.
func memory(t *testing.T, access, secret string) (*memstore.Store, func(string) string) {
	t.Helper()
	s, err := memstore.Start(memstore.Options{AccessKey: access, SecretKey: secret, Region: proxyRegion})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	values := map[string]string{
		"AWS_ENDPOINT_URL": "http://" + s.Address(), "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_REGION": proxyRegion, "SEALFRONT_BUCKET": "bucket",
	}
	target, err := newTarget(options{
		endpoint: values["AWS_ENDPOINT_URL"], bucket: "bucket", accessKey: access, secretKey: secret,
		region: proxyRegion,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.makeBucket(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return s, func(name string) string { return values[name] }
}

// Every operation, size and payload mode, against a store that verifies signatures, lengths and hashes.
func TestEveryCellIsMeasuredAndCleanedUp(t *testing.T) {
	s, env := memory(t, "id", "secret")
	file := filepath.Join(t.TempDir(), "out.json")
	var out strings.Builder
	err := run(t.Context(), []string{
		"-target", "http://" + s.Address(), "-auth", "key", "-pid", fmt.Sprint(os.Getpid()), "-workload",
		strings.Join(operations, ","), "-cells", "0x1,70000x2,6MiBx1",
		"-payload", strings.Join(modes, ","), "-checksum-mode", "both", "-time", "5ms", "-warm-up", "1ms",
		"-list-objects", "20", "-part-size", "5MiB", "-verify", "1", "-rounds", "1", "-json", file,
	}, env, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o outcome
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range o.Results {
		seen[r.Operation] = true
		if r.Requests == 0 || r.Errors > 0 || r.Seconds <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.PeakRSS == 0 {
			t.Errorf("%s: %+v", &r.cell, r)
		}
		if want := r.Requests * r.Size; (r.Operation == opPut || r.Operation == opGet || r.Operation == opMultipart) &&
			r.Bytes != want {
			t.Errorf("%s: %d bytes of %d requests", &r.cell, r.Bytes, r.Requests)
		}
	}
	if len(seen) != len(operations) || o.Commit == "" && o.Go == "" {
		t.Errorf("operations seen: %v", seen)
	}
	for _, want := range []string{
		"| PUT 6 MiB ×1 streaming-signed | target |", "| GET 70000 B ×2 checksum-mode | target |", "| LIST 0 B ×1 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report doesn't have %q:\n%s", want, out.String())
		}
	}
	target, _ := newTarget(options{
		endpoint: "http://" + s.Address(), bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion,
	})
	list, err := target.read(t.Context(), "")
	if err != nil || strings.Contains(string(list), "<Key>") {
		t.Errorf("left over: %s, %v", list, err)
	}
}

func TestFailuresAreCountedAndEndTheRun(t *testing.T) {
	s, env := memory(t, "id", "secret")
	args := []string{
		"-target", "http://" + s.Address(), "-auth", "key", "-workload", "get", "-cells", "1x2", "-time", "100ms",
		"-warm-up", "0s",
	}
	p, err := parse("load", args, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	target, err := newTarget(*p.external)
	if err != nil {
		t.Fatal(err)
	}
	s.Trouble(memstore.Trouble{ErrorRate: 0.5})
	var r *result
	for range 20 { // its preparation may fail, too
		if r, err = p.measure(t.Context(), target, &p.cells[0], newContent(1)); err == nil {
			break
		}
	}
	if err != nil || r.Errors == 0 || r.Requests == 0 || r.Failure == "" {
		t.Errorf("half of the requests failed: %+v, %v", r, err)
	}
	s.Trouble(memstore.Trouble{ErrorRate: 1})
	if err := run(t.Context(), args, env, io.Discard, io.Discard); err == nil {
		t.Error("a run in which nothing succeeded reported success")
	}
}

func TestOtherBytesAreNoticed(t *testing.T) {
	s, env := memory(t, "id", "secret")
	p, err := parse("load", []string{"-target", "http://" + s.Address(), "-auth", "key", "-verify", "1"},
		env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	target, err := newTarget(*p.external)
	if err != nil {
		t.Fatal(err)
	}
	const size = 3000
	w := newWorker(target, &cell{Operation: opGet, Size: size, Payload: modeUnsigned}, &p.settings, newContent(size), 0)
	defer w.close()
	if err := w.put(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.once(t.Context()); err != nil {
		t.Errorf("the bytes that were written: %v", err)
	}
	other := document(strings.Repeat("x", size))
	if _, err := w.do(t.Context(), &request{method: "PUT", path: w.path(w.key), payload: other}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.once(t.Context()); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("other bytes: %v", err)
	}
	if err := w.putObject(t.Context(), w.key, newContent(size-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.once(t.Context()); err == nil || !strings.Contains(err.Error(), "gave 2999") {
		t.Errorf("too few bytes: %v", err)
	}
	if checked, err := target.checkSealed(t.Context()); checked || err != nil {
		t.Errorf("a store that can't be looked into: %v, %v", checked, err)
	}
	target.sealed = target.read
	if _, err := target.checkSealed(t.Context()); err == nil || !strings.Contains(err.Error(), "not sealed") {
		t.Errorf("a store that keeps plaintext: %v", err)
	}
}

// The open loop sends as many requests as it should, and a stall shows in the latencies of all requests that were due
// in it.
func TestTheOpenLoopCountsFromWhenRequestsAreDue(t *testing.T) {
	s, env := memory(t, "id", "secret")
	s.Trouble(memstore.Trouble{P50: 20 * time.Millisecond})
	p, err := parse("load", []string{
		"-target", "http://" + s.Address(), "-auth", "key", "-workload", "head", "-cells", "1x1", "-rate", "200",
		"-time", "400ms", "-warm-up", "0s",
	}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	target, _ := newTarget(*p.external)
	r, err := p.measure(t.Context(), target, &p.cells[0], newContent(1))
	if err != nil {
		t.Fatal(err)
	}
	// One connection serves at most 50 a second of the 200 that are due: the last of them is late by most of the time.
	if r.Max < 150_000 || r.P50 < 60_000 {
		t.Errorf("p50 %d µs, max %d µs, of %d requests", r.P50, r.Max, r.Requests)
	}
}

func TestAnInterruptedRunCleansUp(t *testing.T) {
	s, env := memory(t, "id", "secret")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := run(ctx, []string{"-target", "http://" + s.Address(), "-auth", "key", "-cells", "1x2", "-time", "1h"},
		env, io.Discard, io.Discard); err == nil {
		t.Error("an interrupted run reported success")
	}
	target, _ := newTarget(options{
		endpoint: "http://" + s.Address(), bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion,
	})
	if list, err := target.read(t.Context(), ""); err != nil || strings.Contains(string(list), "<Key>") {
		t.Errorf("left over: %s, %v", list, err)
	}
}

// The real programs: built, started, compared, sealed.
func TestOneRunComparesTheRealPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts programs")
	}
	file := filepath.Join(t.TempDir(), "compared.json")
	var out strings.Builder
	only := "direct,bareproxy"
	for _, name := range []string{"nginx", "haproxy"} {
		if (&lab{}).find(name) != "" {
			only += "," + name
		} else {
			t.Logf("%s is not installed", name)
		}
	}
	err := run(t.Context(), []string{
		"compare", "-only", only, "-cells", "4KiBx2,200000x1", "-workload", "put,get", "-payload",
		"unsigned,unsigned-trailer-crc32", "-checksum-mode", "both",
		"-rounds", "1", "-time", "30ms", "-warm-up", "5ms", "-verify", "1", "-json", file,
	}, os.Getenv, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o, err := readOutcome(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(o.Notes, "what sealfront keeps in the store was looked at, and is sealed") ||
		len(o.Notes) != 1 {
		t.Errorf("notes: %q", o.Notes)
	}
	cells := 2 * (2 + 2) // put in two payload modes, get with and without checksums
	if want := cells * (strings.Count(only, ",") + 2); len(o.Results) != want {
		t.Errorf("%d results, want %d", len(o.Results), want)
	}
	for i := range o.Results {
		r := &o.Results[i]
		if r.Errors > 0 || r.Requests == 0 || (r.PeakRSS == 0) != (r.Target == "direct") ||
			r.Measured != (r.Target == sealfrontName) {
			t.Errorf("%+v", r)
		}
		if r.Target == sealfrontName && r.Allocations < 1 {
			t.Errorf("%s: %v allocations a request", &r.cell, r.Allocations)
		}
		if r.Target != "direct" { // less than a tick of the kernel's clock is none, and isn't plotted
			r.CPUSeconds = max(r.CPUSeconds, 1.0/ticksPerSecond)
		}
	}
	if err := o.write(file); err != nil {
		t.Fatal(err)
	}

	// And its report.
	dir := t.TempDir()
	page := filepath.Join(dir, "RESULTS.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"old\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{
		"report", "-page", page, "-plot", "bareproxy,sealfront", "-dir", filepath.Join(dir, "results"), file,
	},
		os.Getenv, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(page)
	for _, want := range []string{
		"before\n" + beginMark, endMark + "\nafter\n", "](results/compared-cpu-gib.svg)",
		"| PUT 4 KiB ×2 unsigned-trailer-crc32 | sealfront |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page doesn't have %q", want)
		}
	}
	if strings.Contains(string(text), "old\n") {
		t.Error("the page still holds the report before")
	}
	svgs, _ := filepath.Glob(filepath.Join(dir, "results", "*.svg"))
	for _, f := range svgs {
		plot, _ := os.ReadFile(f)
		if err := xml.Unmarshal(plot, new(struct{})); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if strings.Contains(string(plot), "direct") || !strings.Contains(string(plot), "bareproxy") {
			t.Errorf("%s shows other targets than it should", f)
		}
	}
	if len(svgs) < 4 {
		t.Errorf("plots: %q", svgs)
	}
}

// A store that is far away is so for everybody: behind each proxy, and where there is none.
func TestAFarStoreIsFarForAll(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts programs")
	}
	file := filepath.Join(t.TempDir(), "far.json")
	only, want := "direct,bareproxy", 3
	tools := os.Getenv("SEALFRONT_TOOLS")
	if (&lab{tools: tools}).find("versitygw") != "" {
		only, want = only+",versitygw,versitygw-sealfront", 5
	} else {
		t.Log("versitygw is not installed")
	}
	const far = 40 * time.Millisecond
	err := run(t.Context(), []string{
		"compare", "-only", only, "-cells", "4KiBx2", "-rounds", "1", "-time", "200ms", "-warm-up", "0s",
		"-store-latency", far.String(), "-tools", tools, "-json", file,
	}, func(string) string { return "" }, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o, err := readOutcome(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Results) != 2*want || !slices.Contains(o.Notes, "answers of every store arrive 40ms later") {
		t.Errorf("%d results, want %d; notes: %q", len(o.Results), 2*want, o.Notes)
	}
	for _, r := range o.Results {
		if least := far.Microseconds() * 99 / 100; r.P50 < least || r.Errors > 0 || r.Requests == 0 { // of three digits
			t.Errorf("%s %s: p50 %d µs, %d requests, %d errors", r.Target, &r.cell, r.P50, r.Requests, r.Errors)
		}
	}
}

func TestMediansAndRatiosOfRounds(t *testing.T) {
	o := &outcome{}
	c := cell{Operation: opPut, Size: 1 << 30, Concurrency: 1, Payload: modeUnsigned}
	for round, cpu := range []float64{1, 9, 2} { // the machine was busy in the second round
		o.Results = append(o.Results,
			result{
				Target: "nginx", cell: c, Round: round, Seconds: cpu, Requests: 1, Bytes: 1 << 30, CPUSeconds: cpu,
				P50: 10, P99: 10,
			},
			result{
				Target: "sealfront", cell: c, Round: round, Seconds: cpu, Requests: 1, Bytes: 1 << 30,
				CPUSeconds: cpu * 1.25, P50: 10, P99: 20,
			})
	}
	s := o.summaries()
	if len(s) != 2 || s[0].CPUPerGiB != 2 || s[1].CPUPerGiB != 2.5 || s[1].LeastCPU != 1.25 || s[1].MostCPU != 11.25 {
		t.Errorf("%+v", s)
	}
	r := o.ratios("sealfront", "nginx", c)
	if r["CPU"] != 1.25 || r["p99"] != 2 || r["throughput"] != 1 {
		t.Errorf("%v", r)
	}
	if !strings.Contains(o.markdown(), "| PUT 1 GiB ×1 | sealfront | 1.25 | 1.00 | 1.00 | 2.00 |") {
		t.Error(o.markdown())
	}
}

func TestCommandLinesWithFaultsAreRefused(t *testing.T) {
	none := func(string) string { return "" }
	for _, line := range []string{
		"-sizes 6GiB", "-sizes x", "-concurrency 0", "-cells 1MiB", "-workload copy", "-workload range -sizes 0",
		"-payload none", "-checksum-mode maybe", "-time 0s", "-rounds 0", "-rate -1",
		"-auth none", "-store disk", "-part-size 1MiB", "-target https://127.0.0.1", "-program x", "more -x",
		"compare -only apache", "compare -store memory", "compare argument", "compare -store-latency -1ms",
		"-store memory -store-latency 1ms", "memory -storm x", "memory -pause -1s",
		"memory x", "memory -active 1,x", "memory -idle -1", "memory -size 1MiB", "memory -settle 1m",
		"memory -rounds 0", "refresh x", "refresh -rate 0", "refresh -lifetime 0s", "refresh -kms-latency -1s",
	} {
		args := strings.Fields(line)
		if err := run(t.Context(), args, none, io.Discard, io.Discard); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestProcessesAndTheirChildrenAreWatched(t *testing.T) {
	child := exec.Command("sh", "-c", "sh -c 'while :; do :; done' & wait")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, pid := range slices.Backward(family([]int{child.Process.Pid})) {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
		_ = child.Wait()
	}()
	stop := watchProcesses([]int{child.Process.Pid})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		u := stop()
		if u.cpu > 0 && u.peak > 0 {
			break // the grandchild's: the child only waits
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", u)
		}
	}
	if u := watchProcesses(nil)(); u != (usage{}) {
		t.Errorf("no processes used %v", u)
	}
}

func TestEntropyTellsSealedBytesFromText(t *testing.T) {
	if e := entropy(sealedText); e > 4.5 {
		t.Errorf("the text has %.2f bits a byte", e)
	}
	if e := entropy(block); math.Abs(e-8) > .01 {
		t.Errorf("random bytes have %.2f bits a byte", e)
	}
}
