package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func dial(t *testing.T, address string, encrypted bool) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if encrypted {
		c, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	} else {
		c, err = net.Dial("tcp", address)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// mustBeLast waits for the last answer of a connection: one that says so, and then its end.
func mustBeLast(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "ok" || !resp.Close {
		t.Errorf("%q, %v; it says that it is the last: %t", body, err, resp.Close)
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %d, %v", n, err)
	}
}

// What a server does with its connections when it drains.
func TestDrain(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		start := func(t *testing.T) (*Server, string, func() net.Conn) {
			var config *tls.Config
			if encrypted {
				config = testCertificate(t)
			}
			s, address := parkingServer(t, config, Timeouts{})
			return s, address, func() net.Conn { return dial(t, address, encrypted) }
		}
		name := map[bool]string{false: "plain", true: "TLS"}[encrypted]
		t.Run("idle, and their clients don't care/"+name, func(t *testing.T) {
			t.Parallel()
			s, _, dial := start(t)
			for range 20 {
				ask(t, dial(), plainRequest)
			}
			began := time.Now()
			<-s.connections.drain()
			if took := time.Since(began); took > 10*time.Second { // each lingers for one
				t.Errorf("they ended one after the other: %v", took)
			}
		})
		t.Run("a request that comes just then/"+name, func(t *testing.T) {
			t.Parallel()
			s, address, dial := start(t)
			s.connections.grace = time.Minute // enough for any machine
			used, fresh := dial(), dial()
			ask(t, used, plainRequest)
			eventually(t, "they are there", func() bool { return s.Connections() == 2 })
			none := s.connections.drain()
			for _, c := range []net.Conn{used, fresh} {
				if _, err := io.WriteString(c, plainRequest); err != nil {
					t.Fatal(err)
				}
				mustBeLast(t, c)
				_ = c.Close()
			}
			if c, err := net.Dial("tcp", address); err == nil {
				t.Error("a new connection was accepted")
				_ = c.Close()
			}
			<-none
		})
		t.Run("a request that has begun/"+name, func(t *testing.T) {
			t.Parallel()
			s, _, dial := start(t)
			used, fresh := dial(), dial()
			ask(t, used, plainRequest)
			for _, c := range []net.Conn{used, fresh} {
				if _, err := io.WriteString(c, plainRequest[:10]); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "their beginnings", func() bool {
				s.connections.mu.Lock()
				defer s.connections.mu.Unlock()
				active := 0
				for c := range s.connections.open {
					if c.headUntil.Load() != 0 && !c.idle.Load() {
						active++
					}
				}
				return active == 2
			})
			none := s.connections.drain()
			select {
			case <-none:
				t.Fatal("it didn't wait for them")
			case <-time.After((newGrace + 2) * drainGrace):
			}
			for _, c := range []net.Conn{used, fresh} {
				if _, err := io.WriteString(c, plainRequest[10:]); err != nil {
					t.Fatal(err)
				}
				mustBeLast(t, c)
				_ = c.Close()
			}
			<-none
		})
		t.Run("nothing ever came/"+name, func(t *testing.T) {
			t.Parallel()
			s, _, dial := start(t)
			c := dial()
			eventually(t, "it is there", func() bool { return s.Connections() == 1 })
			s.connections.drain()
			if text, err := io.ReadAll(c); len(text) > 0 || err != nil {
				t.Errorf("%q, %v: an answer to no request would be taken for that to the first", text, err)
			}
		})
	}
}

// Of clients that send without a pause while the server drains, none loses an answer to a request that was taken up.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	config := testCertificate(t)
	for range 5 {
		var taken, answered atomic.Int64
		s, address := serverOf(t, config, Timeouts{Park: time.Millisecond}, func(ctx *fasthttp.RequestCtx) {
			taken.Add(1)
			if _, err := io.Copy(io.Discard, ctx.RequestBodyStream()); err != nil {
				t.Errorf("a request that was taken up was cut off: %v", err)
			}
			ctx.SetBodyString("ok")
		})
		request := "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("x", 40000)
		var clients sync.WaitGroup
		for i := range 8 {
			c := dial(t, address, true)
			clients.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for n := 0; ; n++ {
					if _, err := io.WriteString(c, request); err != nil {
						return
					}
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						return
					}
					if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ok" {
						t.Errorf("%q, %v", body, err)
						return
					}
					answered.Add(1)
					if resp.Close {
						return
					}
					if n%2 == 1 {
						time.Sleep(time.Duration(i) * drainGrace / 6) // some are idle for too long
					}
				}
			})
		}
		eventually(t, "the load", func() bool { return answered.Load() > 40 })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		clients.Wait()
		if taken, answered := taken.Load(), answered.Load(); taken != answered {
			t.Errorf("%d requests were taken up, %d answered", taken, answered)
		}
	}
}
