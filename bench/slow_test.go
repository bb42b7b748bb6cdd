package main

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/socket"
)

// impatient is a server that cuts slow clients off after a while.
func impatient(t *testing.T, patience time.Duration) *target {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			_, _ = w.Write(make([]byte, 10_000))
			_ = http.NewResponseController(w).Flush()
			wait(r.Context(), patience)
			panic(http.ErrAbortHandler)
		}
	}))
	s.Config.ReadHeaderTimeout, s.Config.ReadTimeout, s.Config.IdleTimeout = patience, patience, patience
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	target, err := newTarget(options{
		endpoint: s.URL, bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion, ca: ca,
	})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Every form of a slow client notices that it was cut off; and one that isn't holds out.
func TestSlowClientsNoticeTheirEnd(t *testing.T) {
	t.Parallel()
	// Long enough for a loaded machine to do what comes before a client is slow.
	c := startCrowd(t.Context(), impatient(t, 3*time.Second), 2*len(forms), time.Millisecond, false)
	if left := c.holdOut(t.Context(), time.Minute); left > 0 {
		t.Errorf("%d held out", left)
	}
	c.close()
	for _, f := range forms {
		n := 0
		for _, e := range c.ends {
			if e.form == f.name {
				n++
				if e.err != nil || e.how == "" || e.after < 100*time.Millisecond {
					t.Errorf("%+v", e)
				}
			}
		}
		if n != 2 {
			t.Errorf("%s: %d of 2 ended", f.name, n)
		}
	}
	if table := endings(c.ends); strings.Count(table, "| 2 |") != len(forms) {
		t.Errorf("the table doesn't show them:\n%s", table)
	}

	patient := startCrowd(t.Context(), impatient(t, time.Hour), len(forms), 20*time.Millisecond, false)
	patient.settled.Wait()
	if left := patient.holdOut(t.Context(), 200*time.Millisecond); left != len(forms) {
		t.Errorf("%d of %d hold out where nobody cuts them off", left, len(forms))
	}
	patient.close()
}

// What a client may not send again, and what comes back wrong, are failed requests.
func TestASteadyLoadCountsWhatFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		want  string
	}{
		{"an answer that breaks off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4096")
			_, _ = w.Write(make([]byte, 10))
			panic(http.ErrAbortHandler)
		}, "PUT"},
		{
			"no answer on a new connection", func(http.ResponseWriter, *http.Request) {
				panic(http.ErrAbortHandler)
			}, "EOF",
		},
		{
			"an error", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}, "503",
		},
		{"another body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method == http.MethodGet {
				_, _ = w.Write(make([]byte, 4<<10))
			}
		}, "the body is another"},
	} {
		s := httptest.NewTLSServer(test.serve)
		t.Cleanup(s.Close)
		target, err := newTarget(options{
			endpoint: s.URL, bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion,
		})
		if err != nil {
			t.Fatal(err)
		}
		target.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		l := startSteady(t.Context(), target, []string{target.url.Host}, []int64{4 << 10}, 1)
		for deadline := time.Now().Add(20 * time.Second); l.requests.Load() < 3 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if failed := l.end(); len(failed) == 0 || !strings.Contains(strings.Join(failed, "\n"), test.want) {
			t.Errorf("%s: %q", test.name, failed)
		}
	}
}

// Who is sent away from a connection that was used before asks again, as HTTP allows: nothing has failed.
func TestASteadyLoadAsksAgainOnceConnectionsEnd(t *testing.T) {
	t.Parallel()
	var kept atomic.Pointer[[]byte] // the last body; a PUT whose answer is lost with its connection comes again
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			kept.Store(&body)
		case http.MethodGet:
			_, _ = w.Write(*kept.Load())
		}
	}))
	used := func(c net.Conn, state http.ConnState) { // closes every connection after its first answer, without a word
		if state == http.StateIdle {
			_ = c.Close()
		}
	}
	s.Config.ConnState = used
	s.StartTLS()
	t.Cleanup(s.Close)
	target, err := newTarget(options{
		endpoint: s.URL, bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion,
	})
	if err != nil {
		t.Fatal(err)
	}
	target.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	nobody, err := socket.UnusedAddress()
	if err != nil {
		t.Fatal(err)
	}
	l := startSteady(t.Context(), target, []string{nobody, target.url.Host}, []int64{4 << 10}, 1)
	for deadline := time.Now().Add(20 * time.Second); l.requests.Load() < 10 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if failed := l.end(); len(failed) > 0 || l.requests.Load() < 10 || l.resent.Load() == 0 || l.moved.Load() == 0 {
		t.Errorf("%d requests, %d sent again, %d moved, failed: %q", l.requests.Load(), l.resent.Load(),
			l.moved.Load(), failed)
	}
}

// Reloads and restarts of the real program, few of them.
func TestReloadsAndRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	mustReport(
		t, runSmall(
			t, "builds the program and runs three of it under load; SEALFRONT_E2E=require does, and package proxy's "+
				"tests reload and restart one",
			"reload", "-connections", "4", "-reloads", "1", "-restarts", "1", "-straggle", "200ms", "-settle", "200ms"),
		"**Failed requests: 0.**", "| reload: certificate | 1 |",
		"| SIGTERM, while an upload is in flight, to the replica's end | 2 |")
}

// runSmall runs a command with the real programs, where the end-to-end tests are asked for, and returns its report.
func runSmall(t *testing.T, otherwise string, args ...string) string {
	t.Helper()
	report, err := trySmall(t, otherwise, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	return report
}

// trySmall is runSmall for a test that knows of a failure it may try again after.
func trySmall(t *testing.T, otherwise string, args ...string) (report string, err error) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") != "require" {
		t.Skip(otherwise)
	}
	var out strings.Builder
	err = run(t.Context(), args, func(string) string { return "" }, &out, io.Discard)
	return out.String(), err
}

func mustReport(t *testing.T, report string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(report, want) {
			t.Errorf("the report doesn't have %q:\n%s", want, report)
		}
	}
}
