package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheSlopeIsThatOfTheStraightLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		x, y []float64
		want float64
	}{
		{"a line", []float64{0, 16, 64, 128}, []float64{100, 148, 292, 484}, 3},
		{"two points", []float64{0, 10}, []float64{5, 0}, -0.5},
		{"points beside a line", []float64{0, 1, 2, 3}, []float64{1, 0, 3, 2}, 0.6},
		{"one point", []float64{7}, []float64{1}, 0},
		{"nothing", nil, nil, 0},
	} {
		if got := slope(test.x, test.y); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// Rounds become medians, each figure by itself, and what each one more takes is compared with what users care about.
func TestTheTableOfFootprints(t *testing.T) {
	t.Parallel()
	s := &survey{
		settings: settings{duration: time.Second}, object: newContent(slowObjectSize), notes: []string{"n descriptors"},
	}
	at := func(resident float64) footprint { return footprint{resident * (1 << 20), 10 << 20, 20 << 20} }
	idle, put, storm := holdKinds[len(holdKinds)-1].what, holdKinds[0].what, holdKinds[len(holdKinds)-2].what
	text := s.report(&outcome{}, []row{
		{put, 0, at(40), at(40), at(40)},
		{put, 16, at(60), at(44), at(44)}, // 1280 and 256 KiB
		{put, 0, at(42), at(40), at(40)},
		{put, 16, at(62), at(44), at(44)},
		{put, 0, at(99), at(40), at(40)},
		{put, 16, at(61), at(44), at(44)},
		{idle, 0, at(40), at(40), at(40)},
		{idle, 10_000, at(490), at(390), at(240)},
		{storm, 0, at(40), at(40), at(40)},
		{storm, 1024, at(104), at(70), at(40)},
	})
	for _, want := range []string{
		"| " + put + " | 0 | 42.0 | 10.0 | 20.0 | 40.0 | 10.0 | 20.0 | 40.0 | 10.0 | 20.0 |", "| " + put +
			" | 16 | 61.0 |",
		"| " + put + " | 1216.0 | 0.0 | 0.0 | 256.0 | 0.0 | 0.0 | 256.0 | 0.0 | 0.0 | 512 KiB RSS each: **not held** |",
		"| " + idle + " | 46.1 | 0.0 | 0.0 | 35.8 |", "400 MiB RSS at 10000: held |",
		"64 KiB RSS each: held; 32 MiB more RSS afterwards: held |", "- Limits: n descriptors",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table doesn't have %q:\n%s", want, text)
		}
	}
	text = s.report(&outcome{}, []row{
		{put, 0, at(40), at(40), at(40)},
		{put, 16, at(41), at(48), at(48)},
		{idle, 0, at(40), at(40), at(40)},
		{idle, 2500, at(500), at(500), at(500)},
		{storm, 0, at(40), at(40), at(40)},
		{storm, 1024, at(105), at(73), at(40)},
	})
	for _, want := range []string{
		"64 KiB RSS each: **not held**; 32 MiB more RSS afterwards: **not held** |",
		"512 KiB RSS each: held |", "| " + idle + " | 188.4 | 0.0 | 0.0 | 188.4 | 0.0 | 0.0 | 188.4 | 0.0 | 0.0 | – |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table doesn't have %q:\n%s", want, text)
		}
	}
}

func TestAGateHoldsTheSecondPart(t *testing.T) {
	t.Parallel()
	var to bytes.Buffer
	flushed := 0
	reached, opened := make(chan struct{}, 1), make(chan struct{}, 1)
	g := &gate{
		ctx: t.Context(), to: &to, left: 5, flush: func() error { flushed++; return nil }, reached: reached,
		opened: opened,
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{g}, struct{ io.Reader }{strings.NewReader("0123456789")})
		ended <- err
	}()
	<-reached
	select {
	case err := <-ended:
		t.Fatalf("it didn't wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if to.String() != "01234" || flushed != 1 {
		t.Errorf("%q was let through, and %d times flushed", to.String(), flushed)
	}
	opened <- struct{}{}
	if err := <-ended; err != nil || to.String() != "0123456789" || flushed != 1 {
		t.Errorf("%q, %v, flushed %d times", to.String(), err, flushed)
	}

	ctx, stop := context.WithCancel(t.Context())
	g = &gate{ctx: ctx, to: io.Discard, left: 1, flush: func() error { return nil }, reached: reached, opened: opened}
	stop()
	if n, err := g.Write([]byte("ab")); n != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("closed while it waits: %d, %v", n, err)
	}
}

// keeper is a server that keeps bodies, where serve says so.
func keeper(t *testing.T, serve func(w http.ResponseWriter, r *http.Request, body []byte) bool) *target {
	t.Helper()
	var kept sync.Map // by path
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !serve(w, r, body) {
			return
		}
		if r.Method == http.MethodPut {
			kept.Store(r.URL.Path, body)
		} else if body, ok := kept.Load(r.URL.Path); ok {
			_, _ = w.Write(body.([]byte))
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	target, err := newTarget(options{
		endpoint: s.URL, bucket: "bucket", accessKey: "id", secretKey: "secret", region: proxyRegion,
	})
	if err != nil {
		t.Fatal(err)
	}
	target.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return target
}

// What is held ends well once it is let go, and what fails is reported.
func TestHeldTransfersAndConnectionsTellWhatFails(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	target := keeper(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		if failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return !failing.Load()
	})
	s := &survey{
		settings: settings{duration: 20 * time.Millisecond}, object: newContent(1 << 20),
		progress: newProgress(io.Discard),
	}
	for _, h := range holdKinds {
		if h.what == "PUT with a trailing CRC32, half sent" || strings.HasSuffix(h.what, "full speed") ||
			h.form == busy {
			continue // the server knows no chunks, nor metrics
		}
		failing.Store(false)
		if err := s.warm(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		held, err := h.hold(t.Context(), s, target, 3)
		if err != nil {
			t.Errorf("%s: %v", h.what, err)
			continue
		}
		if err := held.release(t.Context()); err != nil {
			t.Errorf("%s: %v", h.what, err)
		}
		held.close()

		if held, err = h.hold(t.Context(), s, target, 20); err != nil { // more than go on at once
			t.Errorf("%s: %v", h.what, err)
			continue
		}
		failing.Store(true)
		err = held.release(t.Context())
		if download := h.what == "GET, half read"; (err == nil) != download { // its status had come before
			t.Errorf("%s, with a server that fails: %v", h.what, err)
		}
		held.close()
		if _, err := h.hold(t.Context(), s, target, 1); (err == nil) != strings.HasPrefix(h.what, "PUT") {
			t.Errorf("%s, with a server that fails from the beginning: %v", h.what, err)
		}
	}
}

// At full speed, too, a failure is reported, and so is a program that can't say what it has in flight.
func TestFullSpeedTellsWhatFails(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(
			w, "go_memstats_heap_inuse_bytes 5\ngo_memstats_sys_bytes 9\ngo_memstats_heap_released_bytes "+
				"2\nsealfront_active_requests 3\n")
	}))
	t.Cleanup(admin.Close)
	target := keeper(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		if failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return !failing.Load()
	})
	target.admin, target.processes = admin.URL, []int{os.Getpid()}
	s := &survey{
		settings: settings{duration: 200 * time.Millisecond}, object: newContent(1 << 10),
		progress: newProgress(io.Discard),
	}
	run := rush((*worker).put)
	h, err := run(t.Context(), s, target, 3)
	if err != nil || h.highest.heap != 5 || h.highest.runtime != 7 || h.highest.resident == 0 {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := run(t.Context(), s, target, 4); err == nil || !strings.Contains(err.Error(), "3 of 4") {
		t.Errorf("fewer than claimed: %v", err)
	}
	if _, err := holdStorm(t.Context(), s, target, 3); err == nil || !strings.Contains(err.Error(), "0 of 3") {
		t.Errorf("a storm of fewer connections than claimed: %v", err)
	}
	failing.Store(true)
	s.duration = time.Minute // it ends with the first failure
	if _, err := holdStorm(t.Context(), s, target, 2); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a storm at a server that fails: %v", err)
	}
	if _, err := run(t.Context(), s, target, 2); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a server that fails: %v", err)
	}
}

// The real program, with few of everything.
func TestFootprintsOfTheProgram(t *testing.T) {
	t.Parallel()
	report := runSmall(t, "builds the program and starts it a dozen times; SEALFRONT_E2E=require does",
		"memory", "-active", "0,2", "-storm", "0,30", "-idle", "0,40", "-size", "16MiB", "-settle", "10ms", "-time", "300ms")
	for _, h := range holdKinds {
		if strings.Count(report, "\n| "+h.what+" |") != 3 {
			t.Errorf("the report doesn't have %q:\n%s", h.what, report)
		}
	}
}
