package conn

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// parkingServer serves "ok", and parks at once.
func parkingServer(t *testing.T, config *tls.Config, timeouts Timeouts) (*Server, string) {
	t.Helper()
	return serverOf(t, config, timeouts, func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("ok") })
}

func serverOf(t *testing.T, config *tls.Config, timeouts Timeouts, handler fasthttp.RequestHandler) (*Server, string) {
	t.Helper()
	s := &Server{}
	s.SetOptions(Options{Timeouts: timeouts})
	s.http = &fasthttp.Server{
		Handler:           s.connections.closing(handler),
		StreamRequestBody: true, ReduceMemoryUsage: true, IdleTimeout: time.Hour,
	}
	s.connections.relief = newRelief()
	s.parking = newParking(s.http.ServeConn)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	var encryption func() *tls.Config
	if config != nil {
		encryption = func() *tls.Config { return config }
	}
	go func() { served <- s.Serve(ln, encryption) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return s, ln.Addr().String()
}

func testCertificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 5000 {
		if holds() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal(what)
}

func ask(t *testing.T, c net.Conn, request string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, c)
}

func mustAnswer(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "ok" {
		t.Fatalf("%q, %v", body, err)
	}
}

const plainRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// A connection that was parked serves its next request, again and again, also when the request begins while it is
// parked and goes on later.
func TestParkedConnectionsServeTheirNextRequest(t *testing.T) {
	for name, config := range map[string]*tls.Config{"TLS": testCertificate(t), "plain": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, address := parkingServer(t, config, Timeouts{Park: time.Millisecond})
			var c net.Conn
			var err error
			if config == nil {
				c, err = net.Dial("tcp", address)
			} else {
				c, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			for range 3 {
				ask(t, c, plainRequest)
				eventually(t, "it was not parked", func() bool { return s.parking.count() == 1 })
			}
			if _, err := io.WriteString(c, plainRequest[:10]); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it was not taken up", func() bool { return s.parking.count() == 0 })
			ask(t, c, plainRequest[10:])
			eventually(t, "it was not parked again", func() bool { return s.parking.count() == 1 })
			_ = c.Close()
			eventually(t, "it outlived its client", func() bool { return s.parking.count() == 0 })
		})
	}
}

// A TLS record that has come in part when the connection is parked is read to its end afterwards.
func TestAParkedConnectionKeepsHalfARecord(t *testing.T) {
	s, address := parkingServer(t, testCertificate(t), Timeouts{Park: 20 * time.Millisecond})
	tcp, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	half := &halfWriter{Conn: tcp}
	c := tls.Client(half, &tls.Config{InsecureSkipVerify: true})
	defer func() { _ = c.Close() }()
	ask(t, c, plainRequest)
	half.hold = true
	if _, err := io.WriteString(c, plainRequest); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it was not parked", func() bool { return s.parking.count() == 1 })
	if _, err := tcp.Write(half.rest); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, c)
}

// A halfWriter sends the first half of a write, and keeps the rest.
type halfWriter struct {
	net.Conn
	hold bool
	rest []byte
}

func (h *halfWriter) Write(p []byte) (int, error) {
	if !h.hold {
		return h.Conn.Write(p)
	}
	h.rest = append(h.rest, p[len(p)/2:]...)
	_, err := h.Conn.Write(p[:len(p)/2])
	return len(p), err
}

// Parked connections end with their idle time, and with the server, also those that it ends while they are being
// parked.
func TestParkedConnectionsEnd(t *testing.T) {
	mustEnd := func(c net.Conn) {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%d, %v", n, err)
		}
		_ = c.Close()
	}
	asked := func(address string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, c, plainRequest)
		return c
	}
	_, address := parkingServer(t, nil, Timeouts{Park: time.Millisecond, Idle: 100 * time.Millisecond})
	mustEnd(asked(address))
	for range 20 {
		s, address := parkingServer(t, nil, Timeouts{Park: time.Millisecond})
		var all []net.Conn
		for range 20 {
			all = append(all, asked(address))
		}
		eventually(t, "none was parked", func() bool { return s.parking.count() > 0 })
		s.connections.drain()
		for _, c := range all {
			mustEnd(c)
		}
	}
}

// A handshake that takes its time isn't taken for an idle connection.
func TestASlowHandshakeIsNotParked(t *testing.T) {
	s, address := parkingServer(t, testCertificate(t), Timeouts{Park: time.Millisecond})
	tcp, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowStart{Conn: tcp}
	c := tls.Client(slow, &tls.Config{InsecureSkipVerify: true})
	defer func() { _ = c.Close() }()
	ask(t, c, plainRequest)
	eventually(t, "it was not parked afterwards", func() bool { return s.parking.count() == 1 })
}

// A slowStart sends its first bytes with a pause between.
type slowStart struct {
	net.Conn
	begun bool
}

func (s *slowStart) Write(p []byte) (int, error) {
	if s.begun {
		return s.Conn.Write(p)
	}
	s.begun = true
	if _, err := s.Conn.Write(p[:5]); err != nil {
		return 0, err
	}
	<-time.After(50 * time.Millisecond)
	n, err := s.Conn.Write(p[5:])
	return n + 5, err
}
