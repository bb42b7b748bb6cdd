package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A steady load puts and gets at several replicas without a pause. What a client may do about a failure is what HTTP
// allows every client: go elsewhere when a connection can't be made, and send a request again that met the end of a
// connection which had been used before, when nothing of an answer had come. Everything else is a failed request.
type steady struct {
	t      *target
	hosts  []string
	bodies []*content

	requests, resent, moved, shaken atomic.Int64

	mu       sync.Mutex
	failures []string

	stop context.CancelFunc
	all  sync.WaitGroup
}

// reconnectEvery is after how many requests a client makes a new connection, so that handshakes are part of the load.
const reconnectEvery = 25

// startSteady begins a load of n connections.
func startSteady(ctx context.Context, t *target, hosts []string, sizes []int64, n int) *steady {
	ctx, stop := context.WithCancel(ctx)
	s := &steady{t: t, hosts: hosts, stop: stop}
	for _, size := range sizes {
		s.bodies = append(s.bodies, newContent(size))
	}
	for i := range n {
		s.all.Go(func() { s.work(ctx, i) })
	}
	return s
}

// end ends the load and returns the requests that failed.
func (s *steady) end() []string {
	s.stop()
	s.all.Wait()
	return s.failures
}

func (s *steady) fail(what string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), what, err))
}

func (s *steady) work(ctx context.Context, number int) {
	body := s.bodies[number%len(s.bodies)]
	c := &cell{Size: body.size, Payload: modes[number%len(modes)]}
	w := newWorker(s.t, c, &settings{}, body, number)
	defer w.close()
	at := number // the replica that gets the request
	w.reach = func(ctx context.Context) (net.Conn, error) {
		var errs []error
		for range 2 * len(s.hosts) { // one that ends may still take connections, and not answer
			conn, err := s.shake(ctx, s.hosts[at%len(s.hosts)])
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
			at++
			s.moved.Add(1)
		}
		return nil, errors.Join(errs...)
	}
	whole := context.WithoutCancel(ctx)
	for n := 1; ctx.Err() == nil; n++ {
		r := &request{method: "GET", path: w.path(w.key), into: &checker{body, 0}}
		if n%2 == 1 {
			p := body.payload(c.Payload, 0, body.size, &w.signing)
			r = &request{method: "PUT", path: w.path(w.key), payload: &p, header: s.t.put}
		}
		a, err := w.do(whole, r)
		if errors.Is(err, errStale) {
			s.resent.Add(1)
			if r.method == "GET" {
				r.into = &checker{body, 0}
			} else {
				p := body.payload(c.Payload, 0, body.size, &w.signing)
				r.payload = &p
			}
			a, err = w.do(whole, r)
		}
		if err == nil {
			err = a.failed("status")
		}
		if err == nil && r.method == "GET" && a.length != body.size {
			err = fmt.Errorf("%d bytes instead of %d", a.length, body.size)
		}
		s.requests.Add(1)
		if err != nil {
			s.fail(r.method, err)
			wait(ctx, 50*time.Millisecond)
		}
		if n%reconnectEvery == 0 {
			w.close()
		}
	}
}

func (s *steady) shake(ctx context.Context, host string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	socket, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	c := tls.Client(socket, s.t.tls)
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := c.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, err
	}
	s.shaken.Add(1)
	return c, nil
}
