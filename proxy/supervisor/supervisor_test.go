package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sealfront/proxy/supervisor"
)

// manager is a service manager's socket, which the environment names.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "")
	t.Setenv("WATCHDOG_PID", "")
	return c
}

func next(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestWhatTheManagerIsTold(t *testing.T) {
	c := manager(t)
	s := supervisor.New(supervisor.Options{})
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { s.Status("starting") }, `STATUS=starting`},
		{func() { s.Waiting("waiting", time.Minute) }, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=waiting"},
		{func() { s.Ready("a\nREADY=0\tline") }, "READY=1\nSTATUS=a READY=0 line"},
		{s.Reloading, "RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\nSTATUS=reloading"},
		{func() { s.Shown("reloading"); s.Shown("ready") }, "STATUS=ready"},
		{
			func() { s.Stopping("draining", 35*time.Second) },
			"STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\nSTATUS=draining",
		},
	} {
		step.do()
		if got := next(t, c); !regexp.MustCompile("^" + step.want + "$").MatchString(got) {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}

func TestWithoutAManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	s := supervisor.New(supervisor.Options{})
	s.Ready("ready")
	s.Follow(t.Context(), func(context.Context) error {
		t.Error("it is checked for nobody")
		return nil
	}, func() string { return "" })
}

// A manager that is gone, or a watchdog that isn't understood, costs one line.
func TestAManagerThatIsGone(t *testing.T) {
	c := manager(t)
	t.Setenv("WATCHDOG_USEC", "soon")
	core, logged := observer.New(zap.WarnLevel)
	_ = c.Close()
	s := supervisor.New(supervisor.Options{Log: zap.New(core)})
	s.Ready("ready")
	s.Status("still")
	var lines []string
	for _, e := range logged.All() {
		lines = append(lines, e.Message)
	}
	if got := strings.Join(lines, "; "); got != "the service manager's watchdog is not fed; "+
		"the service manager can't be reached at NOTIFY_SOCKET" {
		t.Error(got)
	}
}

func TestAWatchdogIsFedWhileTheCheckEnds(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "none")
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "")
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.InfoLevel)
		var mu sync.Mutex
		var told []string
		begun, check := 0, func() error { return nil }
		checks := func(f func() error) {
			mu.Lock()
			defer mu.Unlock()
			check, begun = f, 0
		}
		s := supervisor.New(supervisor.Options{Log: zap.New(core), Notify: func(state string) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, state)
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Follow(ctx, func(context.Context) error {
				mu.Lock()
				begun++
				check := check
				mu.Unlock()
				return check()
			}, func() string { return "ready" })
		}()
		// after lets the time pass, and compares what was told within it, and the log's last line.
		after := func(d time.Duration, want, line string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(told, " "); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
			told = nil
			got := ""
			if all := logged.TakeAll(); len(all) > 0 {
				got = fmt.Sprint(all[len(all)-1].Message, " ", all[len(all)-1].ContextMap()["error"])
			}
			if got != line {
				t.Errorf("logged %q, want %q", got, line)
			}
		}
		after(time.Second, "WATCHDOG=1 STATUS=ready", "")
		after(30*time.Second, "WATCHDOG=1 WATCHDOG=1 WATCHDOG=1", "")
		checks(func() error { return errors.New("a lock is held") })
		after(time.Minute, "", "the watchdog is not fed a lock is held")
		checks(func() error { return nil })
		after(10*time.Second, "WATCHDOG=1", "the watchdog is fed again <nil>")
		release := make(chan struct{})
		checks(func() error { <-release; return nil })
		after(time.Minute, "", "the watchdog is not fed the program's check of itself did not end within 10s")
		mu.Lock()
		if begun != 1 {
			t.Errorf("%d checks hang at once", begun)
		}
		mu.Unlock()
		checks(func() error { return nil })
		close(release)
		after(10*time.Second, "WATCHDOG=1", "the watchdog is fed again <nil>")
		cancel()
		<-ended
		synctest.Wait()
	})
}
