package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealfront/sigv4"
)

const demoPath = "/" + demoBucket + "/"

// embeddedWith is a configuration with embedded parts, two identities, and more.
func embeddedWith(t *testing.T, more string) string {
	t.Helper()
	return `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
- {name: other, access_key: AKIAOTHER, secret_key: othersecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
data: ` + t.TempDir() + "\n" + more
}

var otherCredentials = &sigv4.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "othersecret"}

func (p *program) admin(path string) string {
	p.t.Helper()
	resp, err := http.Get(p.env["SEALFRONT_ADMIN"] + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

// hold begins an upload and leaves it under way.
func (p *program) hold(key string, c *sigv4.Credentials) net.Conn {
	p.t.Helper()
	host, head := p.head(&rawRequest{method: "PUT", path: demoPath + key, declared: 5, credentials: c})
	conn := p.dial(&rawRequest{}, host)
	if _, err := conn.Write(append(head, "hel"...)); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

func TestAnIdentityHasItsShareAndNoMore(t *testing.T) {
	t.Parallel()
	p := startWith(t, embeddedWith(t, "limits: {concurrency: 2}"))
	held := []net.Conn{p.hold("a", nil), p.hold("b", nil)}
	eventually(t, "two uploads under way", func() bool { return p.metric("sealfront_active_requests") == 2 })
	a := p.do(&rawRequest{method: "PUT", path: demoPath + "c", body: "hello", header: []sigv4.Field{field("Expect", "100-continue")}})
	if a.StatusCode != 503 || a.code() != "SlowDown" {
		t.Errorf("the third at once: %d %s", a.StatusCode, a.body)
	}
	if a := p.do(&rawRequest{method: "PUT", path: demoPath + "c", body: "hello", credentials: otherCredentials}); a.StatusCode != 200 {
		t.Errorf("another identity's: %d %s", a.StatusCode, a.body)
	}
	wrong := &sigv4.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "wrong"}
	if a := p.do(&rawRequest{method: "HEAD", path: demoPath + "c", credentials: wrong}); a.StatusCode != 403 {
		t.Errorf("a wrong secret: %d", a.StatusCode)
	}
	for _, c := range held {
		if _, err := c.Write([]byte("lo")); err != nil {
			t.Fatal(err)
		}
		if a := p.read(c, "PUT"); a.StatusCode != 200 {
			t.Errorf("an upload that was under way: %d %s", a.StatusCode, a.body)
		}
	}
	if a := p.do(&rawRequest{method: "PUT", path: demoPath + "c", body: "hello"}); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
	if n := p.metric("sealfront_shed_requests_total", `reason="concurrency"`); n != 1 {
		t.Errorf("%d were counted", n)
	}
}

func TestAnIdentitysRateIsBounded(t *testing.T) {
	t.Parallel()
	text := strings.Replace(embeddedWith(t, "limits: {requests_per_second: 0.001, burst: 3}"), "secret_key: othersecret,", "secret_key: othersecret, limits: {requests_per_second: 1000},", 1)
	p := startWith(t, text)
	codes := ""
	for range 5 {
		codes += fmt.Sprint(p.do(&rawRequest{method: "GET", path: demoPath + "x"}).StatusCode, " ")
	}
	if codes != "404 404 404 503 503 " {
		t.Errorf("five requests in a row with a burst of three: %s", codes)
	}
	for range 5 {
		// Its own rate is another, but the burst of limits holds for it.
		eventually(t, "another identity's request", func() bool {
			return p.do(&rawRequest{method: "GET", path: demoPath + "x", credentials: otherCredentials}).StatusCode == 404
		})
	}
}

// Who asks first is told before it sends its body, and what it left behind isn't counted for ever.
func TestRequestsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	p := startWith(t, embeddedWith(t, "limits: {requests: 2}"))
	expect := []sigv4.Field{field("Expect", "100-continue")}
	for range 5 { // clients that ask, and leave
		host, head := p.head(&rawRequest{method: "PUT", path: demoPath + "left", declared: 5, header: expect})
		c := p.dial(&rawRequest{}, host)
		if _, err := c.Write(head); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
			t.Fatalf("%q, %v", line, err)
		}
		_ = c.Close()
		eventually(t, "the end of a request that was left", func() bool { return p.metric("sealfront_active_requests") == 0 })
	}
	p.hold("a", nil)
	p.hold("b", otherCredentials)
	eventually(t, "two uploads under way", func() bool { return p.metric("sealfront_active_requests") == 2 })
	host, head := p.head(&rawRequest{method: "PUT", path: demoPath + "c", declared: 5, header: expect})
	c := p.dial(&rawRequest{}, host)
	if _, err := c.Write(head); err != nil {
		t.Fatal(err)
	}
	if a := p.read(c, "PUT"); a.StatusCode != 503 || a.code() != "SlowDown" || a.Header.Get("x-amz-request-id") == "" {
		t.Errorf("one too many: %d %s", a.StatusCode, a.body)
	}
	if n := p.metric("sealfront_shed_requests_total", `reason="requests"`); n != 1 {
		t.Errorf("%d were counted", n)
	}
}

// A process that may use 64 MiB turns requests away before it needs more.
func TestMemoryBoundsRequests(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	p := startWith(t, embeddedWith(t, ""))
	limit := p.metric("sealfront_active_requests_limit")
	if limit < 16 || limit > 64 || p.metric("sealfront_memory_limit_bytes") != 64*mib {
		t.Fatalf("with 64 MiB %d requests may be under way", limit)
	}
	for i := range limit {
		p.hold(fmt.Sprint("held-", i), nil)
	}
	eventually(t, "uploads under way", func() bool { return p.metric("sealfront_active_requests") == limit })
	for range 20 {
		if a := p.do(&rawRequest{method: "PUT", path: demoPath + "more", body: "hello"}); a.StatusCode != 503 || a.code() != "SlowDown" {
			t.Fatalf("one too many: %d %s", a.StatusCode, a.body)
		}
	}
}

func TestTricklingClientsAreCutOff(t *testing.T) {
	t.Parallel()
	p := startWith(t, embeddedWith(t, "limits: {progress_timeout: 500ms, min_rate: 5000, head_timeout: 500ms}"))
	for name, prefix := range map[string]int{"a head": 0, "a body": 1} {
		t.Run(name, func(t *testing.T) {
			host, head := p.head(&rawRequest{method: "PUT", path: demoPath + "trickle", declared: 10_000})
			c := p.dial(&rawRequest{}, host)
			if _, err := c.Write(head[:prefix*len(head)]); err != nil {
				t.Fatal(err)
			}
			go func() {
				for i := 0; ; i = (i + 1) % len(head) {
					if _, err := c.Write(head[i : i+1]); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond) // the client's own slowness
				}
			}()
			if a := p.read(c, "PUT"); a.StatusCode != 400 || a.code() != "RequestTimeout" {
				t.Errorf("a byte every 20 ms: %d %s, %v", a.StatusCode, a.body, a.bodyErr)
			}
		})
	}
	p.mustNotExist(demoBucket, "trickle")
}

// Who doesn't read what it asked for is cut off with a reset: the kernel must not go on holding megabytes for it. Neither that
// nor a client that leaves is an error of the server's.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	t.Parallel()
	p := startWith(t, embeddedWith(t, "limits: {progress_timeout: 500ms}"))
	const size = 24 << 20 // more than the kernel's buffers hold
	if a := p.do(&rawRequest{method: "PUT", path: demoPath + "large", body: strings.Repeat("x", size)}); a.StatusCode != 200 {
		t.Fatalf("PUT: %d %s", a.StatusCode, a.body)
	}
	ask := func() (*net.TCPConn, net.Conn) {
		t.Helper()
		host, head := p.head(&rawRequest{method: "GET", path: demoPath + "large"})
		socket, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		_ = socket.SetDeadline(time.Now().Add(30 * time.Second))
		_ = socket.(*net.TCPConn).SetReadBuffer(4096)
		config := p.httpClient(t).Transport.(*http.Transport).TLSClientConfig.Clone()
		config.ServerName = "127.0.0.1"
		c := tls.Client(socket, config)
		if _, err := c.Write(head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		return socket.(*net.TCPConn), c
	}
	ended := func(code string) int {
		return p.metric("sealfront_requests_total", `operation="GetObject"`, `code="`+code+`"`)
	}
	_, c := ask()
	eventually(t, "the end of the request", func() bool { return ended("RequestTimeout") == 1 })
	n, err := io.Copy(io.Discard, c)
	if !errors.Is(err, syscall.ECONNRESET) || n > 1<<20 {
		t.Errorf("after it was cut off a client reads %d bytes more, %v; want a reset", n, err)
	}
	socket, _ := ask()
	_ = socket.SetLinger(0)
	_ = socket.Close()
	eventually(t, "the end of the request", func() bool { return ended("ClientLeft") == 1 })
	if n := ended("InternalError") + ended("IncompleteBody"); n > 0 || strings.Contains(p.stderr.String(), `"level":"error"`) {
		t.Errorf("%d internal errors, or the log speaks of one", n)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	p := startWith(t, embeddedWith(t, "limits: {connections: 2}"))
	held := []net.Conn{p.hold("a", nil), p.hold("b", nil)}
	eventually(t, "two connections", func() bool { return p.metric("sealfront_open_connections") == 2 })
	if a := p.do(&rawRequest{method: "GET", path: demoPath, plain: true}); a.StatusCode != 0 {
		t.Errorf("the third connection: %d", a.StatusCode)
	}
	for _, c := range held {
		if _, err := c.Write([]byte("lo")); err != nil {
			t.Fatal(err)
		}
		if a := p.read(c, "PUT"); a.StatusCode != 200 {
			t.Errorf("an upload that was under way: %d %s", a.StatusCode, a.body)
		}
	}
	eventually(t, "room for another", func() bool {
		return p.do(&rawRequest{method: "GET", path: demoPath + "a", plain: true}).StatusCode != 0
	})
}

func TestTheControlGroupsLimitIsFound(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pods/one/memory.max", "max\n")
	write("pods/memory.max", "268435456\n")
	write("memory/docker/x/memory.limit_in_bytes", "134217728\n")
	write("memory/memory.limit_in_bytes", "9223372036854771712\n")
	write("memory.max", "max\n")
	for groups, want := range map[string]int64{
		"0::/pods/one\n":                         256 * mib,
		"0::/\n":                                 0,
		"0::/../../elsewhere\n":                  0,
		"12:cpu:/docker/x\n4:memory:/docker/x\n": 128 * mib,
		"":                                       0,
	} {
		if got := cgroupLimitBelow(root, groups); got != want {
			t.Errorf("%q: %d, want %d", groups, got, want)
		}
	}
}

// hangUp sends SIGHUP.
func (p *program) hangUp(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
