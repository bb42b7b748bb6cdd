package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A gate lets the first bytes of a body through, reports it, and lets the rest through once it is opened.
type gate struct {
	ctx     context.Context
	to      io.Writer
	left    int64        // bytes until it waits
	flush   func() error // so that nothing stays in the client
	reached chan<- struct{}
	opened  <-chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	first := int(min(g.left, int64(len(p))))
	if first > 0 {
		n, err := g.to.Write(p[:first])
		if g.left -= int64(n); err != nil {
			return n, err
		}
		if g.left == 0 {
			if err := g.flush(); err != nil {
				return n, err
			}
			g.reached <- struct{}{}
			select {
			case <-g.opened:
			case <-g.ctx.Done():
				return n, g.ctx.Err()
			}
		}
	}
	if first == len(p) {
		return first, nil
	}
	n, err := g.to.Write(p[first:])
	return first + n, err
}

// Transfers wait half way.
type transfers struct {
	n       int
	reached chan struct{} // one for each that is half way
	opened  chan struct{} // one for each that may go on
	ended   chan error
	stop    context.CancelFunc
	all     sync.WaitGroup
}

const (
	// finishing is how many transfers go on at once in the end, so that the store needn't hold all bodies.
	finishing = 16
	// arriving bounds how long transfers or connections take to be there, and to end.
	arriving = 3 * time.Minute
)

var errEarly = errors.New("it hadn't waited")

// startTransfers begins n transfers and waits until all are half way.
func (s *survey) startTransfers(
	ctx context.Context, t *target, n int, control control, one func(context.Context, *worker, *gate) error,
) (*transfers, error) {
	within, stop := context.WithCancel(ctx)
	h := &transfers{
		n: n, reached: make(chan struct{}, n), opened: make(chan struct{}, 2*n), ended: make(chan error, n), stop: stop,
	}
	for range n {
		h.all.Go(func() {
			w := s.worker(within, t, control, new(atomic.Int64))
			defer w.close()
			h.ended <- one(within, w, &gate{ctx: within, left: s.object.size / 2, reached: h.reached, opened: h.opened})
			h.opened <- struct{}{} // for the next
		})
	}
	late := time.NewTimer(arriving)
	defer late.Stop()
	for there := range n {
		var err error
		select {
		case <-h.reached:
			continue
		case err = <-h.ended:
			if err == nil {
				err = errEarly
			}
			err = fmt.Errorf("a transfer ended before it was half way: %w", err)
		case <-late.C:
			err = fmt.Errorf("%d of %d transfers are half way after %s", there, n, arriving)
		case <-ctx.Done():
			err = ctx.Err()
		}
		h.close()
		return nil, err
	}
	return h, nil
}

// release lets the transfers end.
func (h *transfers) release(ctx context.Context) error {
	var errs []error
	if n := len(h.ended); n > 0 {
		errs = append(errs, fmt.Errorf("%d of %d transfers ended while they were held", n, h.n))
	}
	for range min(finishing, h.n) {
		h.opened <- struct{}{}
	}
	late := time.NewTimer(arriving)
	defer late.Stop()
	for n := range h.n {
		select {
		case err := <-h.ended:
			errs = append(errs, err)
		case <-late.C:
			return errors.Join(append(errs, fmt.Errorf("%d of %d transfers have ended after %s", n, h.n, arriving))...)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func (h *transfers) close() {
	h.stop()
	h.all.Wait()
}

func (h *transfers) held() *hold {
	return &hold{open: h.n, active: h.n, release: h.release, close: h.close}
}

// control does something to a socket before it connects.
type control = func(network, address string, raw syscall.RawConn) error

// worker makes one for the object, whose connection ends with ctx and counts the bytes of both directions.
func (s *survey) worker(ctx context.Context, t *target, control control, crossed *atomic.Int64) *worker {
	w := newWorker(t, &cell{Size: s.object.size, Payload: modeUnsigned}, &s.settings, s.object, 0)
	w.reach = func(dialling context.Context) (net.Conn, error) {
		conn, err := t.dialWith(dialling, control)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return &countingConn{conn, crossed}, nil
	}
	return w
}

type countingConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// holdUploads begins uploads of which half is sent.
func holdUploads(mode string) func(context.Context, *survey, *target, int) (*hold, error) {
	return func(ctx context.Context, s *survey, t *target, n int) (*hold, error) {
		h, err := s.startTransfers(ctx, t, n, nil, func(ctx context.Context, w *worker, g *gate) error {
			p := s.object.payload(mode, 0, s.object.size, &w.signing)
			whole := p.write
			p.write = func(to io.Writer, authorization []byte) error {
				g.to, g.flush = to, w.bw.Flush
				return whole(g, authorization)
			}
			a, err := w.do(ctx, &request{method: "PUT", path: w.path(w.key), payload: &p, header: t.put})
			if err == nil {
				err = a.failed("PutObject")
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return h.held(), nil
	}
}

// holdDownloads begins downloads of which half is read, and compared. What comes after it fills the kernel's buffers,
// which hold far less than the other half.
func holdDownloads(ctx context.Context, s *survey, t *target, n int) (*hold, error) {
	h, err := s.startTransfers(ctx, t, n, readLittle, func(ctx context.Context, w *worker, g *gate) error {
		g.to, g.flush = &checker{s.object, 0}, func() error { return nil }
		a, err := w.do(ctx, &request{method: "GET", path: w.path(w.key), into: g})
		if err == nil {
			err = a.failed("GetObject")
		}
		if err == nil && a.length != s.object.size {
			err = fmt.Errorf("GetObject of %d bytes gave %d", s.object.size, a.length)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return h.held(), nil
}

// rush has n clients send one request after the other for a while, and cuts off what is in flight then. Nothing is held
// after it. A scrape sees one moment: a while in which none saw n requests in flight is drawn out, up to 20 times.
func rush(one func(*worker, context.Context) error) func(context.Context, *survey, *target, int) (*hold, error) {
	return func(ctx context.Context, s *survey, t *target, n int) (*hold, error) {
		within, stop := context.WithTimeout(ctx, 20*s.duration)
		defer stop()
		start := time.Now()
		var all sync.WaitGroup
		var crossed atomic.Int64
		failed := make(chan error, n)
		watch := watchProcesses(t.processes)
		for range n {
			all.Go(func() {
				w := s.worker(within, t, nil, &crossed)
				defer w.close()
				for within.Err() == nil {
					if err := one(w, within); err != nil && within.Err() == nil {
						failed <- err
						return
					}
				}
			})
		}
		h := &hold{release: func(context.Context) error { return nil }, close: func() {}}
		most := 0
		for within.Err() == nil && len(failed) == 0 && (most < n || time.Since(start) < s.duration) {
			if m, ok := t.scrape(ctx); ok {
				h.highest.heap, h.highest.runtime = max(h.highest.heap, m.heap), max(h.highest.runtime, m.runtime)
				most = max(most, int(m.active))
			}
			wait(within, min(100*time.Millisecond, s.duration))
		}
		elapsed := time.Since(start)
		stop()
		all.Wait()
		h.highest.resident = float64(watch().peak)
		if len(failed) > 0 {
			return nil, fmt.Errorf("%d of %d clients failed: %w", len(failed), n, <-failed)
		}
		if most < n {
			return nil, fmt.Errorf("at most %d of %d requests were in flight at once", most, n)
		}
		s.progress.say("%d at full speed: %.2f GiB/s", n, float64(crossed.Load())/(1<<30)/elapsed.Seconds())
		return h, ctx.Err()
	}
}
