package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// hold begins an upload and leaves it in flight.
func hold(p *proxytest.Program, key string, c *sigv4.Credentials) net.Conn {
	p.T.Helper()
	host, head := p.Head(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + key, Declared: 5, Credentials: c})
	conn := p.Dial(&proxytest.Request{}, host)
	if _, err := conn.Write(append(head, "hel"...)); err != nil {
		p.T.Fatal(err)
	}
	return conn
}

func TestAnIdentityHasItsShareAndNoMore(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "limits: {concurrency: 2}"))
	held := []net.Conn{hold(p, "a", nil), hold(p, "b", nil)}
	proxytest.Eventually(t, "two uploads in flight", func() bool { return p.Metric("sealfront_active_requests") == 2 })
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: proxytest.DemoPath + "c", Body: "hello",
		Header: []sigv4.Field{proxytest.Field("Expect", "100-continue")},
	})
	if a.StatusCode != 503 || a.Code() != "SlowDown" {
		t.Errorf("the third at once: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: proxytest.DemoPath + "c", Body: "hello", Credentials: proxytest.OtherCredentials,
	}); a.StatusCode != 200 {
		t.Errorf("another identity's: %d %s", a.StatusCode, a.Text)
	}
	wrong := &sigv4.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "wrong"}
	if a := p.Do(&proxytest.Request{
		Method: "HEAD", Path: proxytest.DemoPath + "c", Credentials: wrong,
	}); a.StatusCode != 403 {
		t.Errorf("a wrong secret: %d", a.StatusCode)
	}
	for _, c := range held {
		if _, err := c.Write([]byte("lo")); err != nil {
			t.Fatal(err)
		}
		if a := p.Read(c, "PUT"); a.StatusCode != 200 {
			t.Errorf("an upload that was in flight: %d %s", a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "c", Body: "hello"}); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.Text)
	}
	if n := p.Metric("sealfront_shed_requests_total", `reason="concurrency"`); n != 1 {
		t.Errorf("%d were counted", n)
	}
}

func TestAnIdentitysRateIsBounded(t *testing.T) {
	t.Parallel()
	text := strings.Replace(proxytest.EmbeddedWith(t, "limits: {requests_per_second: 0.001, burst: 3}"),
		"secret_key: othersecret,", "secret_key: othersecret, limits: {requests_per_second: 1000},", 1)
	p := proxytest.StartWith(t, text)
	codes := ""
	for range 5 {
		codes += fmt.Sprint(p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "x"}).StatusCode, " ")
	}
	if codes != "404 404 404 503 503 " {
		t.Errorf("five requests in a row with a burst of three: %s", codes)
	}
	for range 5 {
		// Its own rate is another, but the burst of limits holds for it.
		proxytest.Eventually(t, "another identity's request", func() bool {
			return p.Do(&proxytest.Request{
				Method: "GET", Path: proxytest.DemoPath + "x", Credentials: proxytest.OtherCredentials,
			}).StatusCode == 404
		})
	}
}

// Who asks first is told before it sends its body, and what it left behind isn't counted for ever.
func TestRequestsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "limits: {requests: 2}"))
	expect := []sigv4.Field{proxytest.Field("Expect", "100-continue")}
	for range 5 { // clients that ask, and leave
		host, head := p.Head(&proxytest.Request{
			Method: "PUT", Path: proxytest.DemoPath + "left", Declared: 5, Header: expect,
		})
		c := p.Dial(&proxytest.Request{}, host)
		if _, err := c.Write(head); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
			t.Fatalf("%q, %v", line, err)
		}
		_ = c.Close()
		proxytest.Eventually(t, "the end of a request that was left",
			func() bool { return p.Metric("sealfront_active_requests") == 0 })
	}
	hold(p, "a", nil)
	hold(p, "b", proxytest.OtherCredentials)
	proxytest.Eventually(t, "two uploads in flight", func() bool { return p.Metric("sealfront_active_requests") == 2 })
	host, head := p.Head(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "c", Declared: 5, Header: expect})
	c := p.Dial(&proxytest.Request{}, host)
	if _, err := c.Write(head); err != nil {
		t.Fatal(err)
	}
	if a := p.Read(c, "PUT"); a.StatusCode != 503 || a.Code() != "SlowDown" || a.Header.Get("x-amz-request-id") == "" {
		t.Errorf("one too many: %d %s", a.StatusCode, a.Text)
	}
	if n := p.Metric("sealfront_shed_requests_total", `reason="requests"`); n != 1 {
		t.Errorf("%d were counted", n)
	}
}

// A process that may use 64 MiB turns requests away before it needs more.
func TestMemoryBoundsRequests(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, ""))
	limit := p.Metric("sealfront_active_requests_limit")
	if limit < 16 || limit > 64 || p.Metric("sealfront_memory_limit_bytes") != 64*proxytest.MiB {
		t.Fatalf("with 64 MiB %d requests may be in flight", limit)
	}
	for i := range limit {
		hold(p, fmt.Sprint("held-", i), nil)
	}
	proxytest.Eventually(t, "uploads in flight", func() bool { return p.Metric("sealfront_active_requests") == limit })
	for range 20 {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: proxytest.DemoPath + "more", Body: "hello",
		}); a.StatusCode != 503 || a.Code() != "SlowDown" {
			t.Fatalf("one too many: %d %s", a.StatusCode, a.Text)
		}
	}
}

func TestTricklingClientsAreCutOff(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t,
		proxytest.EmbeddedWith(t, "limits: {progress_timeout: 2s, min_rate: 5000, head_timeout: 2s}"))
	for name, prefix := range map[string]int{"a head": 0, "a body": 1} {
		t.Run(name, func(t *testing.T) {
			host, head := p.Head(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "trickle", Declared: 10_000})
			c := p.Dial(&proxytest.Request{}, host)
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
			if a := p.Read(c, "PUT"); a.StatusCode != 400 || a.Code() != "RequestTimeout" {
				t.Errorf("a byte every 20 ms: %d %s, %v", a.StatusCode, a.Text, a.Err)
			}
		})
	}
	p.MustNotExist(proxytest.DemoBucket, "trickle")
}

// Who doesn't read what it asked for is cut off with a reset: the kernel must not go on holding megabytes for it.
// Neither that nor a client that leaves is an error of the server's.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "limits: {progress_timeout: 3s}"))
	const size = 24 << 20 // more than the kernel's buffers hold
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: proxytest.DemoPath + "large", Body: strings.Repeat("x", size),
	}); a.StatusCode != 200 {
		t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
	}
	ask := func() (*net.TCPConn, net.Conn) {
		t.Helper()
		host, head := p.Head(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "large"})
		socket, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		_ = socket.SetDeadline(time.Now().Add(30 * time.Second))
		_ = socket.(*net.TCPConn).SetReadBuffer(4096)
		config := p.HTTPClient(t).Transport.(*http.Transport).TLSClientConfig.Clone()
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
		return p.Metric("sealfront_requests_total", `operation="GetObject"`, `code="`+code+`"`)
	}
	_, c := ask()
	proxytest.Eventually(t, "the end of the request", func() bool { return ended("RequestTimeout") == 1 })
	n, err := io.Copy(io.Discard, c)
	if !errors.Is(err, syscall.ECONNRESET) || n > 1<<20 {
		t.Errorf("after it was cut off a client reads %d bytes more, %v; want a reset", n, err)
	}
	socket, _ := ask()
	_ = socket.SetLinger(0)
	_ = socket.Close()
	proxytest.Eventually(t, "the end of the request", func() bool { return ended("ClientLeft") == 1 })
	if n := ended("InternalError") + ended("IncompleteBody"); n > 0 ||
		strings.Contains(p.Stderr.String(), `"level":"error"`) {
		t.Errorf("%d internal errors, or the log speaks of one", n)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "limits: {connections: 2}"))
	held := []net.Conn{hold(p, "a", nil), hold(p, "b", nil)}
	proxytest.Eventually(t, "two connections", func() bool { return p.Metric("sealfront_open_connections") == 2 })
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath, Plain: true}); a.StatusCode != 0 {
		t.Errorf("the third connection: %d", a.StatusCode)
	}
	for _, c := range held {
		if _, err := c.Write([]byte("lo")); err != nil {
			t.Fatal(err)
		}
		if a := p.Read(c, "PUT"); a.StatusCode != 200 {
			t.Errorf("an upload that was in flight: %d %s", a.StatusCode, a.Text)
		}
	}
	proxytest.Eventually(t, "room for another", func() bool {
		return p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "a", Plain: true}).StatusCode != 0
	})
}
