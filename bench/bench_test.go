package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/sigv4"
)

// memory is an S3 server that keeps objects in memory and verifies signatures.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	most    int // objects there were at once
	fail    bool
}

func (s *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(r.URL.EscapedPath()), Query: []byte(r.URL.RawQuery), Header: []sigv4.Field{{Name: []byte("Host"), Value: []byte(r.Host)}}}
	for name, values := range r.Header {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(values[0])})
	}
	v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}})
	var a sigv4.Authentication
	if err := errors.Join(v.Read(m, &a, "s3"), v.Check(m, &a, "secret")); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fail && r.Method == http.MethodGet:
		http.Error(w, "SlowDown", http.StatusServiceUnavailable)
	case r.Method == http.MethodPut:
		s.objects[r.URL.Path], _ = io.ReadAll(r.Body)
		s.most = max(s.most, len(s.objects))
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = w.Write(s.objects[r.URL.Path])
	}
}

// start serves s over TLS, and returns the environment that names it.
func start(t *testing.T, s *memory) (server *httptest.Server, env func(string) string) {
	t.Helper()
	server = httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_CA_BUNDLE": ca, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_REGION": "us-west-2", "SEALFRONT_BUCKET": "bucket",
	}
	return server, func(name string) string { return values[name] }
}

func TestOneRunComparesTwoTargets(t *testing.T) {
	first, second := &memory{objects: map[string][]byte{}}, &memory{objects: map[string][]byte{}}
	_, env := start(t, first)
	other, otherEnv := start(t, second)
	var out strings.Builder
	err := run(t.Context(), []string{
		"-sizes", "100,128KiB", "-concurrency", "1,3", "-time", "20ms", "-rounds", "2", "-pid", fmt.Sprint(os.Getpid()),
		"-against", other.URL, "-against-bucket", "plain", "-against-access-key", "id", "-against-secret-key", "secret", "-against-ca", otherEnv("AWS_CA_BUNDLE"),
	}, env, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| sealfront | PUT 100 B ×1 |", "| against | GET 128 KiB ×3 |", "sealfront divided by against", "s/GiB", "µs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if first.most != 6 || len(first.objects)+len(second.objects) != 0 {
		t.Errorf("%d objects at once, want one for each size and worker; left over: %d, %d", first.most, len(first.objects), len(second.objects))
	}
}

func TestFailuresAreCountedAndEndTheRun(t *testing.T) {
	s := &memory{objects: map[string][]byte{}, fail: true}
	_, env := start(t, s)
	err := run(t.Context(), []string{"-sizes", "1", "-concurrency", "2", "-time", "20ms"}, env, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("GETs that all fail: %v", err)
	}
	if len(s.objects) != 0 {
		t.Errorf("%d objects were left", len(s.objects))
	}
}

func TestAnInterruptedRunCleansUp(t *testing.T) {
	s := &memory{objects: map[string][]byte{}}
	_, env := start(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := run(ctx, []string{"-sizes", "1", "-concurrency", "2", "-time", "1h"}, env, io.Discard); err == nil {
		t.Error("an interrupted run reported success")
	}
	if len(s.objects) != 0 {
		t.Errorf("%d objects were left", len(s.objects))
	}
}

func TestCommandLinesWithFaultsAreRefused(t *testing.T) {
	_, env := start(t, &memory{})
	for _, args := range [][]string{{"-sizes", "0"}, {"-sizes", "1GiB"}, {"-sizes", "4096MiB"}, {"-concurrency", "x"}, {"-time", "0s"}, {"-rounds", "0"}, {"more"}, {"-against", "https://127.0.0.1"}, {"-bucket", ""}} {
		if _, err := parse(args, env); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestPercentilesAreLatenciesThatWereMeasured(t *testing.T) {
	r := &result{}
	for i := range 200 {
		r.latencies = append(r.latencies, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 90: 180, 99: 198, 100: 200} {
		if got := r.percentile(p); got != want {
			t.Errorf("p%d of 1 to 200: %d, want %d", p, got, want)
		}
	}
	if got := (&result{latencies: []time.Duration{7}}).percentile(99); got != 7 {
		t.Errorf("p99 of one: %d", got)
	}
}

func TestAProcessIsWatched(t *testing.T) {
	stop := watchProcess(os.Getpid())
	for begin := time.Now(); time.Since(begin) < 60*time.Millisecond; { // use CPU
	}
	if u := stop(); u.cpu <= 0 || u.cpu > time.Minute || u.rss < 1<<20 {
		t.Errorf("this process used %v and %d bytes", u.cpu, u.rss)
	}
	if u := watchProcess(0)(); u != (usage{}) {
		t.Errorf("no process used %v", u)
	}
}
