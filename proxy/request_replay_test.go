package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/conn"
	"sealfront/proxy/instance"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/store"
)

// A replayedStore is the way to a store that gives its last answer again and again without asking, once frozen: what is
// measured then is the program's own work, with no system call and no other program in it.
type replayedStore struct {
	frozen atomic.Bool
	answer []byte // the last
}

func (s *replayedStore) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	return &replayedConn{Conn: c, store: s}, err
}

type replayedConn struct {
	net.Conn
	store *replayedStore
	rest  []byte // of a frozen answer
}

func (c *replayedConn) Write(p []byte) (int, error) {
	if c.store.frozen.Load() {
		c.rest = c.store.answer
		return len(p), nil
	}
	c.store.answer = nil
	return c.Conn.Write(p)
}

func (c *replayedConn) Read(p []byte) (int, error) {
	if c.store.frozen.Load() {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.store.answer = append(c.store.answer, p[:n]...)
	return n, err
}

func (c *replayedConn) SetReadDeadline(t time.Time) error  { return nil }
func (c *replayedConn) SetWriteDeadline(t time.Time) error { return nil }

// A repeatingClient is a connection on which one request comes again and again, each time after the answer to the last.
type repeatingClient struct {
	b       *testing.B
	request []byte
	left    int
	rest    []byte
	got     int // bytes of answers
	done    chan struct{}
}

func (c *repeatingClient) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.left == 0 {
			return 0, io.EOF
		}
		c.left--
		c.rest = c.request
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *repeatingClient) Write(p []byte) (int, error) {
	if c.got == 0 && !bytes.HasPrefix(p, []byte("HTTP/1.1 200 ")) {
		c.b.Errorf("%.300q", p)
	}
	c.got += len(p)
	return len(p), nil
}

func (c *repeatingClient) Close() error                     { close(c.done); return nil }
func (c *repeatingClient) LocalAddr() net.Addr              { return repeatingAddress }
func (c *repeatingClient) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *repeatingClient) SetDeadline(time.Time) error      { return nil }
func (c *repeatingClient) SetReadDeadline(time.Time) error  { return nil }
func (c *repeatingClient) SetWriteDeadline(time.Time) error { return nil }

var repeatingAddress = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

// processorTime is what this process has taken so far, with the collector's work beside the benchmark.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A oneListener accepts what it is sent.
type oneListener chan net.Conn

func (l oneListener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l oneListener) Close() error   { return nil }
func (l oneListener) Addr() net.Addr { return &net.TCPAddr{} }

// BenchmarkOwnWork is what the program itself does for a request of 4 KiB, front end and store's client included:
// without TLS, without a system call, and without a store's work.
func BenchmarkOwnWork(b *testing.B) {
	s := &replayedStore{}
	r := newRequestBench(b, instance.Options{Dial: s.dial, RecordLife: time.Hour})
	server := conn.NewServer(r.instance.Gateway, zap.NewNop(), conn.Options{Context: store.Counted})
	clients := make(oneListener)
	go func() { _ = server.Serve(clients, nil) }()
	b.Cleanup(func() { close(clients); _ = server.Shutdown(context.Background()) })
	body := make([]byte, 4<<10)
	put, get := r.head("PUT", "/"+proxytest.DemoBucket+"/some/key", "", len(body)), r.head("GET",
		"/"+proxytest.DemoBucket+"/some/key", "", -1)
	serve := func(b *testing.B, request []byte, n int) {
		c := &repeatingClient{b: b, request: request, left: n, done: make(chan struct{})}
		clients <- c
		<-c.done
	}
	measure := func(name string, request []byte) {
		s.frozen.Store(false)
		serve(b, request, 1)
		s.frozen.Store(true)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			before := processorTime(b)
			serve(b, request, b.N)
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	measure("PUT", append(put, body...))
	measure("GET", get)
}
