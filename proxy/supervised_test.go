package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// serviceManager is what the program told a socket that stands for systemd's.
type serviceManager struct {
	socket string

	mu   sync.Mutex
	told []string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{socket: filepath.Join(t.TempDir(), "notify")}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, string(b[:n]))
			m.mu.Unlock()
		}
	}()
	return m
}

func (m *serviceManager) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.told)
}

// has is how many of what it was told, from the message first on, contain text.
func (m *serviceManager) has(first int, text string) (n int) {
	for _, message := range m.all()[first:] {
		if strings.Contains(message, text) {
			n++
		}
	}
	return n
}

// The program is ready when it serves and not before, says what it waits for, and feeds the watchdog while the store
// hangs.
func TestSystemdIsToldHowItStands(t *testing.T) {
	t.Parallel()
	m, f := newServiceManager(t), proxytest.NewStoreFront(t)
	hangs := func() (release func()) {
		held := make(chan struct{})
		f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-held:
			case <-r.Context().Done():
			}
			return false
		}, nil)
		return sync.OnceFunc(func() {
			f.Set(nil, nil)
			close(held)
		})
	}
	release := hangs()
	go func() {
		for m.has(0, "STATUS=waiting for the store "+f.URL) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if m.has(0, "READY=1") > 0 {
			t.Error("it is ready before it has reached its store")
		}
		release()
	}()
	p := proxytest.StartBehind(t, f, "", proxytest.As(proxytest.Processes),
		proxytest.Environment("NOTIFY_SOCKET="+m.socket, "WATCHDOG_USEC=1500000", "WATCHDOG_PID="))
	proxytest.Eventually(t, "READY", func() bool { return m.has(0, "READY=1\nSTATUS=serving, https 127.0.0.1:") == 1 })
	p.HangUp()
	proxytest.Eventually(t, "the reload's end", func() bool { return m.has(0, "READY=1") == 2 })
	told := m.all()
	reloading := slices.IndexFunc(told, func(s string) bool {
		return strings.HasPrefix(s,
			"RELOADING=1\nMONOTONIC_USEC=")
	})
	if reloading < 0 || !strings.HasPrefix(told[len(told)-1], "READY=1") && m.has(reloading, "READY=1") != 1 {
		t.Errorf("a reload: %q", told)
	}

	release = hangs()
	defer release()
	request := make(chan struct{})
	go func() {
		defer close(request)
		_ = p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "hangs"})
	}()
	before := len(m.all())
	proxytest.Eventually(t, "the watchdog's food while the store hangs",
		func() bool { return m.has(before, "WATCHDOG=1") >= 3 })
	release()
	<-request
	if status := p.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	proxytest.Eventually(t, "STOPPING",
		func() bool { return m.has(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\nSTATUS=draining") == 1 })
}

// What a start ends with is what systemd shows.
func TestSystemdIsToldWhyAStartEnded(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	cmd := proxytest.Command("serve", "--config", proxytest.WriteConfig(t, `
listen: {https: "127.0.0.1:0"}
store: {kind: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: b}
kms: {kind: embedded}
data: `+t.TempDir()+proxytest.Identity))
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.socket)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a store that is away: %v", err)
	}
	proxytest.Eventually(t, "why it ended", func() bool { return m.has(0, "STATUS=ended: ") == 1 })
	if m.has(0, "READY=1") > 0 || m.has(0, "connection refused") == 0 {
		t.Errorf("%q", m.all())
	}
}

// Go ends a crashed program with status 2, as this program a wrong configuration: systemd would not start it again. The
// watchdog's signal is such a crash.
func TestACrashUnderSystemdIsRestarted(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile("../deploy/sealfront.service")
	if err != nil {
		t.Fatal(err)
	}
	var environment []string
	for line := range strings.Lines(string(unit)) {
		if pair, ok := strings.CutPrefix(strings.TrimSpace(line), "Environment="); ok {
			environment = append(environment, pair)
		}
	}
	if !strings.Contains(string(unit), "\nRestartPreventExitStatus=2\n") || len(environment) == 0 {
		t.Fatal("the unit says neither when it isn't restarted, nor how a crash ends")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = 0 // as the unit has it; tests need no core files either
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, ""), proxytest.As(proxytest.Processes),
		proxytest.Environment(environment...))
	if err := syscall.Kill(p.PID(), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(); status != -1 {
		t.Errorf("a crash ends with status %d, not by a signal", status)
	}
}
